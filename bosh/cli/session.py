"""Where to, as whom, about which deployment: the CLI's config file and the one director of a command.

The file is the original's (bosh-cli: cmd/config/fs_config.go): ``environments: [{url, ca_cert, alias, username, password, …}]``, mode 0600.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bosh.cli.failures import SessionError, UsageError, chain_of, doing
from bosh.cli.globals import Globals
from bosh.cli.output.tasks import TaskReporter
from bosh.cli.output.ui import AnyUi
from bosh.clients.director import DirectorClient, ca_text, normalise
from bosh.wire.errors import BoshError


@dataclass(frozen=True, slots=True)
class Environment:
    """One remembered director; keys of the file that we do not use are kept in ``other``."""

    url: str
    alias: str = ""
    ca_cert: str = ""
    username: str = ""
    password: str = ""
    other: tuple[tuple[str, Any], ...] = ()


class ConfigFile:
    """The environments this person knows."""

    _OWN = ("url", "alias", "ca_cert", "username", "password")

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> list[Environment]:
        """All environments. Raises SessionError when the file cannot be read as one."""
        if not self.path.exists():
            return []
        from bosh.manifest.documents import load

        try:
            body: Any = load(self.path.read_text(), str(self.path), allow_duplicates=True).value or {}
            return [self._environment(item) for item in body.get("environments") or []]
        except (BoshError, AttributeError, TypeError) as error:
            raise SessionError(f"cannot read the config file {self.path}: {error}") from error

    def _environment(self, item: dict[str, Any]) -> Environment:
        own = {key: str(item.get(key) or "") for key in self._OWN}
        return Environment(**own, other=tuple((k, v) for k, v in item.items() if k not in self._OWN))

    def write(self, environments: list[Environment]) -> None:
        """Replace the file, readable by its owner only."""
        import tempfile

        from bosh.manifest.emit import dump

        items = []
        for environment in environments:
            own = {key: getattr(environment, key) for key in self._OWN if getattr(environment, key)}
            items.append(own | dict(environment.other))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self.path.parent)
        with os.fdopen(handle, "w") as stream:
            stream.write(dump({"environments": items}))
        Path(name).replace(self.path)

    def find(self, name: str) -> Environment | None:
        """By alias or URL."""
        known = self.read()
        by_alias = [environment for environment in known if environment.alias == name]
        url = normalise(name) if name else ""
        by_url = [environment for environment in known if url and environment.url in {name, url}]
        return next(iter(by_alias + by_url), None)


class Session:
    """One command's view: flags, output, the director."""

    def __init__(self, flags: Globals, ui: AnyUi) -> None:
        self.flags, self.ui = flags, ui
        self.config = ConfigFile(Path(flags.config).expanduser())
        self.heartbeat_s = 0
        """How often to say that a task goes on without a word, seconds; 0 for never."""
        self._client: DirectorClient | None = None
        self._named = False
        self._reporters: dict[bool, TaskReporter] = {}

    @property
    def flags_interactive(self) -> bool:
        """Whether a person may be asked and shown a terminal."""
        return not self.flags.non_interactive and not self.flags.json

    # --- which director -------------------------------------------------------------------------------------------------

    def environment(self) -> Environment:
        """The chosen director with credentials; flags and variables win over the file. Raises SessionError."""
        if not self.flags.environment:
            raise SessionError("Expected non-empty Director URL")
        known = self.config.find(self.flags.environment) or Environment(normalise(self.flags.environment))
        return Environment(
            url=normalise(known.url),
            alias=known.alias,
            ca_cert=self.ca_cert() or known.ca_cert,
            username=self.flags.client or known.username,
            password=self.flags.client_secret if self.flags.client else self.flags.client_secret or known.password,
            other=known.other,
        )

    def ca_cert(self) -> str:
        """The authority given on the command line, PEM. Raises UsageError."""
        try:
            return ca_text(self.flags.ca_cert)
        except OSError as error:
            raise UsageError(
                f"invalid argument for flag `--ca-cert': Opening file {error.filename}: open {error.filename}: {(error.strerror or str(error)).lower()}"
            ) from error

    def named(self) -> str:
        """The director as it is spoken of: its URL, or what was typed when that is one."""
        known = self.config.find(self.flags.environment)
        return known.url if known and known.alias == self.flags.environment else self.flags.environment

    def anonymous(self) -> DirectorClient:
        """A client without credentials."""
        environment = self.environment()
        return DirectorClient(environment.url, ca_cert=environment.ca_cert)

    def connect(self, environment: Environment) -> DirectorClient:
        """A client of the director, once it has answered; says which one it is. Raises SessionError."""
        client = DirectorClient(
            environment.url,
            ca_cert=environment.ca_cert,
            username=environment.username,
            password=environment.password,
            context_id=os.urandom(16).hex(),
        )
        with doing("Fetching info"):
            client.call("GET", "/info")
        who = f"client '{environment.username}'" if environment.username else "anonymous user"
        self.ui.line(f"Using environment '{self.named()}' as {who}")
        return client

    def director(self) -> DirectorClient:
        """The director, credentials in place. Raises SessionError."""
        if self._client is None:
            self._client = self.connect(self.environment())
        return self._client

    def deployment(self) -> str:
        """The name given by ``-d``; says which one it is. Raises SessionError."""
        self.director()
        if not self.flags.deployment:
            raise SessionError("Expected non-empty deployment name")
        if not self._named:
            self._named = True
            self.ui.line(f"Using deployment '{self.flags.deployment}'")
        return self.flags.deployment

    # --- tasks ----------------------------------------------------------------------------------------------------------

    def follow(self, task_id: int, *, what: str, kind: str = "event", fail: bool = True) -> dict[str, Any]:
        """Show a task until it ends; the finished task.

        Raises:
            SessionError: it did not end ``done`` (and ``fail``); the text begins with ``what`` when that is not empty.
        """
        return self.watch(task_id, what=what, kind=kind, fail=fail)

    def watch(
        self, task_id: int, *, what: str, kind: str = "event", events: bool = True, fail: bool = True
    ) -> dict[str, Any]:
        """As ``follow``; without ``events`` the output is shown as it is."""
        reporter = self._reporters.setdefault(
            events, TaskReporter(self.ui, events=events, heartbeat_s=self.heartbeat_s)
        )
        reporter.start(task_id)
        try:
            task = self.director().follow(task_id, kind=kind, feed=reporter.feed, beat=reporter.beat)
        finally:
            self.ui.live("")
        reporter.finished(str(task["state"]))
        if fail and task["state"] != "done":
            raise SessionError(
                *filter(None, [what, f"Expected task '{task_id}' to succeed but state is '{task['state']}'"])
            )
        return task

    def run_task(self, method: str, path: str, *, what: str, **options: Any) -> dict[str, Any]:
        """Start a task and follow it. Raises SessionError; its text begins with ``what`` when that is not empty."""
        if not what:
            return self.follow(self.director().start_task(method, path, **options), what="")
        with doing(what):
            task_id = self.director().start_task(method, path, **options)
        return self.follow(task_id, what=what)

    def remove(self, path: str, *, what: str, is_there: Callable[[], bool], **options: Any) -> None:
        """Delete with a task. What is not there afterwards is deleted, however that came about. Raises SessionError."""
        try:
            self.run_task("DELETE", path, what=what, **options)
        except SessionError:
            if is_there():
                raise

    def silent_rows(self, task_id: int, *, what: str) -> list[Any]:
        """Result rows of a started task, waited for without a word. Raises SessionError."""
        director = self.director()
        task = director.follow(task_id, kind="result", feed=lambda text: None)
        if task["state"] != "done":
            reason = task.get("result") or f"state is '{task['state']}'"
            raise SessionError(what, f"Expected task '{task_id}' to succeed: {reason}")
        return director.result_rows(task_id)


def of(context: Any) -> Session:
    """The session of a typer context."""
    session = context.find_object(Session)
    if session is None:
        raise SessionError("internal error: command without a session")
    return session  # type: ignore[no-any-return]


__all__ = ["ConfigFile", "Environment", "Session", "SessionError", "UsageError", "chain_of", "doing", "of"]
