"""Directors known to this person: aliases, credentials, a look at one of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import typer

from bosh.cli import session as sessions
from bosh.cli.output.table import Cell, Table, Verdict
from bosh.cli.session import Environment, Session, SessionError, doing
from bosh.clients.director import DirectorClient, DirectorError, normalise

_SOON_DAYS = 30


def environment(
    context: typer.Context,
    details: Annotated[bool, typer.Option("--details", help="Show director's certificates details")] = False,
) -> None:
    session = sessions.of(context)
    director = session.director()
    with doing("Fetching info"):
        session.ui.table(info_table(director.get("/info")))
    if not details:
        return
    with doing("Getting certificate expiry endpoint error"):
        found = director.get("/director/certificate_expiry")
    rows = tuple(
        (
            item["certificate_path"],
            item["expiry"],
            Verdict(str(item["days_left"]), int(item["days_left"]) <= _SOON_DAYS),
        )
        for item in found
    )
    title = "CERTIFICATE EXPIRY DATE INFORMATION"
    session.ui.table(Table("", ("Certificate", "Expiry Date (UTC)", "Days Left"), rows, title=title))


def environments(context: typer.Context) -> None:
    session = sessions.of(context)
    rows = tuple((item.url, item.alias) for item in session.config.read())
    session.ui.table(Table("environments", ("URL", "Alias"), rows, sort_by=(0,)))


def alias_env(context: typer.Context, alias: Annotated[str, typer.Argument(metavar="ALIAS")]) -> None:
    session = sessions.of(context)
    given = session.flags.environment
    if not given:
        raise SessionError("Expected non-empty environment URL")
    known = session.config.find(given)
    url = known.url if known else normalise(given)
    ca_cert = session.ca_cert() or (known.ca_cert if known else "")
    director = session.connect(replace(session.environment(), url=url, ca_cert=ca_cert))
    with doing("Fetching info"):
        info = director.get("/info")
    kept = [item for item in session.config.read() if item.alias != alias and item.url != url]
    session.config.write([*kept, replace(known or Environment(url), url=url, alias=alias, ca_cert=ca_cert)])
    session.ui.table(info_table(info))


def unalias_env(context: typer.Context, alias: Annotated[str, typer.Argument(metavar="ALIAS")]) -> None:
    session = sessions.of(context)
    known = session.config.read()
    if all(item.alias != alias for item in known):
        raise SessionError(f"alias {alias} not found")
    session.config.write([item for item in known if item.alias != alias])


def log_in(context: typer.Context) -> None:
    session = sessions.of(context)
    chosen = session.environment()
    with doing("Fetching info"):
        kind = (session.anonymous().get("/info").get("user_authentication") or {}).get("type")
    if kind != "basic":
        raise SessionError(f"Unknown auth type '{kind}'")
    session.ui.line(f"Using environment '{session.named()}'")
    is_complete = bool(session.flags.client and session.flags.client_secret)
    while True:
        credentials = replace(
            chosen,
            username=session.flags.client or session.ui.ask("Username"),
            password=session.flags.client_secret or session.ui.ask_secret("Password"),
        )
        if _is_welcome(session.connect(credentials)):
            break
        session.ui.error(f"Failed to login to '{session.named()}'")
        if is_complete:
            raise SessionError("Invalid credentials")
    _remember(session, credentials)
    session.ui.line(f"Logged in to '{session.named()}'")


def _is_welcome(director: DirectorClient) -> bool:
    """Whether the director knows who this is."""
    try:
        director.get("/tasks", limit=1)
    except DirectorError as error:
        if error.status == 401:
            return False
        raise
    return True


def log_out(context: typer.Context) -> None:
    session = sessions.of(context)
    chosen = session.environment()
    _remember(session, replace(chosen, username="", password="", other=()))
    session.ui.line(f"Logged out from '{session.named()}'")


def _remember(session: Session, environment: Environment) -> None:
    kept = [item for item in session.config.read() if item.url != environment.url]
    session.config.write([*kept, environment])


def info_table(info: dict[str, Any]) -> Table:
    """What a director says about itself; nothing about what it does not say."""
    features = [
        f"{name}: {'enabled' if value.get('status') else 'disabled'}"
        for name, value in sorted((info.get("features") or {}).items())
    ]
    stemcell = f"{info['stemcell_os']}/{info.get('stemcell_version') or ''}" if info.get("stemcell_os") else ""
    cells: dict[str, Cell] = {
        "Name": str(info["name"]),
        "UUID": str(info["uuid"]),
        "Version": str(info["version"]),
        "Director Stemcell": stemcell,
        "CPI": str(info.get("cpi") or ""),
        "Features": features,
        "User": str(info.get("user") or "(not logged in)"),
    }
    kept = {title: cell for title, cell in cells.items() if cell or title in {"Name", "UUID", "Version"}}
    return Table("", tuple(kept), (tuple(kept.values()),), transpose=True)
