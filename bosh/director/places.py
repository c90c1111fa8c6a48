"""Where the director keeps things below its ``state_dir``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bosh.director.config import Config


@dataclass(frozen=True, slots=True)
class Places:
    root: Path

    @property
    def tasks(self) -> Path:
        return self.root / "tasks"

    def task(self, task_id: int) -> Path:
        """A task's ``debug`` and ``cpi`` outputs."""
        return self.tasks / str(task_id)

    @property
    def uploads(self) -> Path:
        """Bodies of uploads, until their task is done with them."""
        return self.root / "uploads"

    @property
    def work(self) -> Path:
        """Working directories of running tasks."""
        return self.root / "work"

    @property
    def calls(self) -> Path:
        """Calls to clouds whose outcome must not be lost (``bosh.clients.cpi_journal``)."""
        return self.root / "calls"

    @property
    def workers_lock(self) -> Path:
        """Locked for as long as any process of this director may act."""
        return self.root / "workers.lock"

    @property
    def nats(self) -> Path:
        return self.root / "nats"

    def create(self) -> None:
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for place in (self.tasks, self.uploads, self.work, self.nats):
            place.mkdir(mode=0o700, exist_ok=True)


def places(config: Config) -> Places:
    return Places(config.state_dir.absolute())


def blobs(config: Config) -> Path:
    """The embedded blobstore's directory."""
    return Path(config.blobstore.path) if config.blobstore.path else config.state_dir.absolute() / "blobs"


def database_url(config: Config) -> str:
    return config.database_url or f"sqlite:///{config.state_dir.absolute()}/director.db"
