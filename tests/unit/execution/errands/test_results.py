from __future__ import annotations

from typing import Any

import pytest

from bosh.clients.contract import BlobRef
from bosh.execution.errands.results import AgentInvalidTaskResult, Result, outcome_of, summary


def result(exit_code: int) -> Result:
    return Result("web", "u-1", "smoke", exit_code, "out", "err", BlobRef("b", "s"))


def test_a_row_is_what_clients_read() -> None:
    assert result(0).row() == {
        "instance": {"group": "web", "id": "u-1"},
        "errand_name": "smoke",
        "exit_code": 0,
        "stdout": "out",
        "stderr": "err",
        "logs": {"blobstore_id": "b", "sha1": "s"},
    }


def test_without_logs() -> None:
    assert Result("web", "u-1", "smoke", 0, "", "").row()["logs"] == {"blobstore_id": None, "sha1": None}


def test_summary_counts() -> None:
    runs = [result(code) for code in (0, 0, 1, 128, 129, 143)]
    assert summary(runs) == "2 succeeded, 2 errored, 2 canceled"
    assert summary([]) == "0 succeeded, 0 errored, 0 canceled"


def test_an_outcome() -> None:
    assert outcome_of({"exit_code": 3, "stdout": "a", "stderr": "b", "extra": 1}) == (3, "a", "b")


@pytest.mark.parametrize(
    "answer",
    [None, "ok", {}, {"exit_code": "0", "stdout": "", "stderr": ""}, {"exit_code": True, "stdout": "", "stderr": ""},
     {"exit_code": 0, "stdout": None, "stderr": ""}, {"exit_code": 0, "stdout": ""}],
)  # fmt: skip
def test_what_is_no_outcome(answer: Any) -> None:
    with pytest.raises(AgentInvalidTaskResult):
        outcome_of(answer)
