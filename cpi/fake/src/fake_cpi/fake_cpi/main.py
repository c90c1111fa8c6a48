"""The program: ``fake-cpi --config FILE [--serve]``; the file is ``{"dir": …}``, more keys in README.md."""

from __future__ import annotations

import sys

from cpi_kit.main import main as cpi_main

from fake_cpi.answer import answer
from fake_cpi.cloud import FakeCloud


def main() -> None:
    """Entry point."""
    sys.exit(cpi_main(FakeCloud, sys.argv[1:], answer=answer))


if __name__ == "__main__":
    main()
