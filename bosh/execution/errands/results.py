"""What errands gave, as clients read it (bosh: errand/result.rb, errand/result_set.rb)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bosh.clients.contract import BlobRef
from bosh.wire.errors import BoshError

_SIGNALLED = 128
"""Exit codes above it say that a signal ended the script: somebody cancelled it."""


class AgentInvalidTaskResult(BoshError):
    """The agent answered with something else than an errand's result."""

    code = 400011


@dataclass(frozen=True, slots=True)
class Result:
    """One run on one instance."""

    group: str
    instance_uuid: str
    errand: str
    exit_code: int
    stdout: str
    stderr: str
    logs: BlobRef | None = None

    @property
    def successful(self) -> bool:
        return self.exit_code == 0

    @property
    def cancelled(self) -> bool:
        return self.exit_code > _SIGNALLED

    def row(self) -> dict[str, Any]:
        """The line of the task's result output."""
        return {
            "instance": {"group": self.group, "id": self.instance_uuid},
            "errand_name": self.errand,
            "exit_code": self.exit_code,
            "stdout": self.stdout,
            "stderr": self.stderr,
            "logs": {
                "blobstore_id": self.logs.id if self.logs else None,
                "sha1": self.logs.sha1 if self.logs else None,
            },
        }


def outcome_of(answer: Any) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of an agent's answer to ``run_errand``. Raises AgentInvalidTaskResult."""
    fields = answer if isinstance(answer, Mapping) else {}
    code, stdout, stderr = fields.get("exit_code"), fields.get("stdout"), fields.get("stderr")
    if (
        isinstance(code, bool)
        or not isinstance(code, int)
        or not isinstance(stdout, str)
        or not isinstance(stderr, str)
    ):
        raise AgentInvalidTaskResult(
            "cannot use the agent's answer to run_errand",
            details=f"expected exit_code, stdout and stderr, got {answer!r:.200}",
        )
    return code, stdout, stderr


def summary(results: Iterable[Result]) -> str:
    """``1 succeeded, 0 errored, 0 canceled``."""
    runs = list(results)
    succeeded = sum(one.successful for one in runs)
    cancelled = sum(one.cancelled for one in runs)
    errored = sum(0 < one.exit_code <= _SIGNALLED for one in runs)
    return f"{succeeded} succeeded, {errored} errored, {cancelled} canceled"
