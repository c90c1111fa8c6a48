"""Directors known to this person: aliases, credentials, a look at one of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import typer

from bosh.cli import session as sessions
from bosh.cli.output.table import Table
from bosh.cli.session import Environment, Session, SessionError
from bosh.clients.director import DirectorClient, DirectorError, ca_text, normalise


def environment(context: typer.Context, details: Annotated[bool, typer.Option("--details")] = False) -> None:
    session = sessions.of(context)
    director = session.director()
    _show_info(session, director.get("/info"))
    if details:
        rows = tuple(
            (str(item["certificate_path"]), str(item["expiry"]), str(item["days_left"]))
            for item in director.get("/director/certificate_expiry")
        )
        session.ui.table(Table("certificates", ("Certificate", "Expiry Date (UTC)", "Days Left"), rows))


def environments(context: typer.Context) -> None:
    session = sessions.of(context)
    rows = tuple((item.url, item.alias) for item in session.config.read())
    session.ui.table(Table("environments", ("URL", "Alias"), rows, sort_by=(0,)))


def alias_env(context: typer.Context, alias: Annotated[str, typer.Argument()]) -> None:
    session = sessions.of(context)
    if not session.flags.environment:
        raise SessionError("Expected non-empty Director URL: name one with --environment")
    known = session.config.find(session.flags.environment)
    url = known.url if known else normalise(session.flags.environment)
    ca_cert = ca_text(session.flags.ca_cert) or (known.ca_cert if known else "")
    info = DirectorClient(url, ca_cert=ca_cert).get("/info")
    kept = [item for item in session.config.read() if item.alias != alias and item.url != url]
    session.config.write([*kept, replace(known or Environment(url), url=url, alias=alias, ca_cert=ca_cert)])
    session.ui.line(f"Using environment '{url}' as anonymous user\n")
    _show_info(session, info)


def unalias_env(context: typer.Context, alias: Annotated[str, typer.Argument()]) -> None:
    session = sessions.of(context)
    known = session.config.read()
    if all(item.alias != alias for item in known):
        raise SessionError(f"alias {alias} not found")
    session.config.write([item for item in known if item.alias != alias])


def log_in(context: typer.Context) -> None:
    session = sessions.of(context)
    chosen = session.environment()
    username = session.flags.client or session.ui.ask("Username")
    password = session.flags.client_secret or session.ui.ask_secret("Password")
    try:
        DirectorClient(chosen.url, ca_cert=chosen.ca_cert, username=username, password=password).get("/tasks", limit=1)
    except DirectorError as error:
        if error.status == 401:
            raise SessionError(
                f"Failed to login to '{session.flags.environment}': wrong user name or password"
            ) from error
        raise
    _remember(session, replace(chosen, username=username, password=password))
    session.ui.line(f"Logged in to '{chosen.url}'")


def log_out(context: typer.Context) -> None:
    session = sessions.of(context)
    chosen = session.environment()
    _remember(session, replace(chosen, username="", password="", other=()))
    session.ui.line(f"Logged out from '{chosen.url}'")


def _remember(session: Session, environment: Environment) -> None:
    kept = [item for item in session.config.read() if item.url != environment.url]
    session.config.write([*kept, environment])


def _show_info(session: Session, info: dict[str, Any]) -> None:
    features = [
        f"{name}: {'enabled' if value.get('status') else 'disabled'}"
        for name, value in sorted((info.get("features") or {}).items())
    ]
    columns = ("Name", "UUID", "Version", "Director Stemcell", "CPI", "Features", "User")
    stemcell = "/".join(str(info.get(key) or "-") for key in ("stemcell_os", "stemcell_version"))
    row = (
        str(info["name"]),
        str(info["uuid"]),
        str(info["version"]),
        stemcell,
        str(info.get("cpi") or ""),
        features,
        str(info.get("user") or "(not logged in)"),
    )
    session.ui.table(Table("", columns, (row,), transpose=True))
