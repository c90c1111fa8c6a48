"""``pytest tests/plans --update-plans`` writes the plans as they are now into the scripts; review the difference."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-plans", action="store_true", help="rewrite the golden plans under tests/plans")
