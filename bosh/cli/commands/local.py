"""One machine as a whole BOSH."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Network
from pathlib import Path
from typing import Annotated, Any

import typer

from bosh.cli import session as sessions
from bosh.cli import templates
from bosh.cli.commands import instances
from bosh.cli.session import Session, SessionError
from bosh.cli.templates import OpsFiles
from bosh.local.home import DEFAULT_NETWORK, DEFAULT_PORT, DEFAULT_ROOT, Home

Root = Annotated[Path, typer.Option("--home", envvar="BOSH_LOCAL_HOME", help="Where the environment lives")]
Network = Annotated[
    str, typer.Option("--network", envvar="BOSH_LOCAL_NETWORK", help="Addresses of the VMs, /24 or larger")
]
Port = Annotated[
    int, typer.Option("--port", envvar="BOSH_LOCAL_PORT", help="The director's port; others follow from it")
]
Alias = Annotated[str, typer.Option("--alias", envvar="BOSH_LOCAL_ALIAS", help="Name of the environment for -e")]


def _home(root: Path, network: str, port: int, alias: str) -> Home:
    try:
        chosen = IPv4Network(network)
    except ValueError as error:
        raise SessionError(f"cannot use --network {network}: {error}") from error
    if chosen.prefixlen > 24:
        raise SessionError(f"cannot use --network {network}: it must be a /24 or larger")
    return Home(root.absolute(), chosen, port, alias)


def up(
    context: typer.Context,
    root: Root = DEFAULT_ROOT,
    network: Network = str(DEFAULT_NETWORK),
    port: Port = DEFAULT_PORT,
    alias: Alias = "local",
    ops_file: OpsFiles = None,
    no_example: Annotated[
        bool, typer.Option("--no-example", help="Only the director, without the example deployment")
    ] = False,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Only what was there before a reboot: the director and its VMs, nothing new"),
    ] = False,
) -> None:
    with _resumable():
        home = _home(root, network, port, alias)
        if resume:
            from bosh.local.progress import Progress
            from bosh.local.up import resume as bring_back

            bring_back(home, Progress())
            return
        _up(sessions.of(context), home, ops_file, example=not no_example)


@contextmanager
def _resumable() -> Iterator[None]:
    """Raises SessionError for Ctrl-C."""
    try:
        yield
    except KeyboardInterrupt:
        raise SessionError("Interrupted. Running it again goes on where it stopped.") from None


def _up(session: Session, home: Home, ops_file: list[Path] | None, *, example: bool) -> None:
    from bosh.local import workshop
    from bosh.local.progress import Progress
    from bosh.local.up import bring_up
    from bosh.manifest import documents
    from bosh.manifest.patch import apply

    settings: Any = documents.load(workshop.SETTINGS.read_text(), str(workshop.SETTINGS)).value
    settings = apply(templates.read_ops(ops_file), settings)
    admin = bring_up(home, session.ui, Progress(), settings=settings, example=example)
    _tell(admin, home, example=example)


def _tell(session: Session, home: Home, *, example: bool) -> None:
    """What is there, and what to try next."""
    director = session.director()
    if example:
        task_id = director.start_task("GET", "/deployments/nats/vms", query={"format": "full"})
        rows = session.silent_rows(task_id, what="Fetching VMs")
        session.ui.table(instances.vm_table("nats", rows, vitals=False, cloud_properties=False))
    program = Path(__file__).resolve().parents[3] / ".venv/bin/bosh"
    session.ui.line(f"""
The director answers at {director.url} as '{home.alias}'. Its logs are in {home.logs}.

Next:
  alias bosh={program}
  export BOSH_ENVIRONMENT={home.alias} BOSH_DEPLOYMENT=nats
  bosh instances --ps               processes of every instance
  bosh run-errand smoke-tests       publish and subscribe through every node
  bosh ssh nats/0                   a shell on the first node
  bosh logs -f                      everybody's logs as they are written
  bosh recreate nats/0              a new VM with the same disk and address
  bosh deploy --dry-run manifests/examples/nats.yml
                                    what a deploy would do, and why
  make down                         remove everything
""")


def down(
    context: typer.Context,
    root: Root = DEFAULT_ROOT,
    network: Network = str(DEFAULT_NETWORK),
    port: Port = DEFAULT_PORT,
    alias: Alias = "local",
) -> None:
    from bosh.local.down import take_down
    from bosh.local.progress import Progress

    session = sessions.of(context)
    with _resumable():
        take_down(_home(root, network, port, alias), Progress(), cli_config=session.config.path)
