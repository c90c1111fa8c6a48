"""Configs: cloud, runtime, CPI and every other kind (bosh-cli: cmd/config*.go)."""

from __future__ import annotations

import json
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

import typer

from bosh.cli import session as sessions
from bosh.cli import templates
from bosh.cli.commands import manifest_releases
from bosh.cli.output import diff
from bosh.cli.output.table import Table
from bosh.cli.session import Session, SessionError, chain_of, doing
from bosh.cli.templates import OpsFiles, VarFiles, Vars, VarsEnv, VarsFiles, VarsStore
from bosh.clients.director import DirectorError

_JSON = {"Content-Type": "application/json"}
_NO_CONFIG = 440012
Type = Annotated[str, typer.Option("--type", help="Config type, e.g. 'cloud', 'runtime', or 'cpi'")]
Name = Annotated[str, typer.Option("--name", help="Config name")]
ConfigPath = Annotated[str, typer.Argument(metavar="PATH", help="Path to a YAML config file")]


def _post(session: Session, path: str, body: dict[str, Any]) -> Any:
    return session.director().call("POST", path, body=json.dumps(body).encode(), headers=_JSON).json()


def configs(
    context: typer.Context,
    name: Name = "",
    kind: Type = "",
    recent: Annotated[int, typer.Option("--recent", "-r", help="Number of configs to show")] = 1,
) -> None:
    session = sessions.of(context)
    director = session.director()
    with doing("Listing configs"):
        found = director.get("/configs", type=kind, name=name, limit=recent, latest="true" if recent == 1 else "false")
    rows = tuple(
        (
            str(item["id"]) + ("*" if item.get("current") else ""),
            item["type"],
            item["name"],
            item.get("team") or "",
            str(item["created_at"]),
        )
        for item in found
    )
    notes = ["(*) Currently active"] if any(item.get("current") for item in found) else []
    if recent <= 1:
        notes.append("Only showing active configs. To see older versions use the --recent=10 option.")
    session.ui.table(Table("configs", ("ID", "Type", "Name", "Team", "Created At"), rows, notes=tuple(notes)))


def _show(session: Session, item: dict[str, Any]) -> None:
    columns = ("ID", "Type", "Name", "Created At", "Content")
    row = (str(item["id"]), item["type"], item["name"], str(item["created_at"]), item["content"])
    session.ui.table(Table("config", columns, (row,), notes=(), transpose=True, fill_first=True))


def _one_of(number: str, kind: str, name: str) -> None:
    """Either an id, or type and name. Raises SessionError."""
    if not (number or kind or name):
        raise SessionError("Either <ID> or parameters --type and --name must be provided")
    if number and (kind or name):
        raise SessionError("Can only specify one of ID or parameters '--type' and '--name'")
    if not number and not (kind and name):
        raise SessionError("Need to specify both parameters '--type' and '--name'")


def config(
    context: typer.Context,
    number: Annotated[str, typer.Argument(metavar="ID", help="Config ID")] = "",
    name: Name = "",
    kind: Type = "",
) -> None:
    session = sessions.of(context)
    director = session.director()
    _one_of(number, kind, name)
    if not number:
        with doing("Finding config"):
            found = director.get("/configs", type=kind, name=name, latest="true", limit=1)
        if not found:
            raise SessionError("No config")
        _show(session, found[0])
        return
    try:
        _show(session, director.get(f"/configs/{number}"))
    except DirectorError as error:
        what = "No config" if error.status == HTTPStatus.NOT_FOUND else "Finding config"
        raise SessionError(what, *chain_of(error)) from error


def _diff(session: Session, path: str, **call: Any) -> dict[str, Any]:
    """The director's comparison; none when there is nothing to compare with. Raises SessionError."""
    try:
        answer: dict[str, Any] = session.director().call("POST", path, **call).json()
    except DirectorError as error:
        if error.code == _NO_CONFIG:
            raise SessionError(error.description) from error
        if error.status == HTTPStatus.NOT_FOUND:
            return {"diff": []}
        raise SessionError("Fetching diff result", *chain_of(error)) from error
    if answer.get("error"):
        raise SessionError("Fetching diff result", str(answer["error"]))
    return answer


def update_config(
    context: typer.Context,
    path: ConfigPath,
    kind: Type,
    name: Name,
    expected_latest_id: Annotated[str, typer.Option("--expected-latest-id", help="Expected ID of latest config")] = "",
    var: Vars = None,
    var_file: VarFiles = None,
    vars_file: VarsFiles = None,
    vars_env: VarsEnv = None,
    vars_store: VarsStore = None,
    ops_file: OpsFiles = None,
) -> None:
    template = templates.Template.read(path, var, var_file, vars_file, vars_env, vars_store, ops_file)
    session = sessions.of(context)
    session.director()
    with doing("Evaluating config"):
        content = template.evaluated()
    body = {"type": kind, "name": name, "content": content}
    answer = _diff(session, "/configs/diff", body=json.dumps(body).encode(), headers=_JSON)
    diff.show(session.ui, answer["diff"])
    session.ui.confirm()
    expected = expected_latest_id or str((answer.get("from") or {}).get("id") or "")
    _show(session, _updated(session, body | ({"expected_latest_id": expected} if expected else {})))


def _updated(session: Session, body: dict[str, str]) -> dict[str, Any]:
    """Raises SessionError."""
    try:
        made: dict[str, Any] = _post(session, "/configs", body)
        return made
    except DirectorError as error:
        if error.status != HTTPStatus.PRECONDITION_FAILED:
            raise SessionError("Updating config", *chain_of(error)) from error
        answer = json.loads(error.body or "{}")
        raise SessionError(
            f"Config update rejected: The expected latest ID '{answer.get('expected_latest_id')}' doesn't match the latest ID "
            f"'{answer.get('latest_id')}'. This most likely means that a concurrent update of the config happened. "
            "Please try to upload again."
        ) from error


def delete_config(
    context: typer.Context,
    number: Annotated[str, typer.Argument(metavar="ID", help="Config ID")] = "",
    name: Name = "",
    kind: Type = "",
) -> None:
    session = sessions.of(context)
    director = session.director()
    _one_of(number, kind, name)
    session.ui.confirm()
    place = (f"/configs/{number}", {}) if number else ("/configs", {"type": kind, "name": name})
    try:
        director.call("DELETE", place[0], query=place[1])
    except DirectorError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise SessionError("Deleting config", *chain_of(error)) from error
        which = f"id '{number}'" if number else f"type '{kind}' and name '{name}'"
        session.ui.line(f"No configs to delete: no matches for {which} found.")


def diff_config(
    context: typer.Context,
    from_id: Annotated[str, typer.Option("--from-id", help="ID of first config to compare")] = "",
    to_id: Annotated[str, typer.Option("--to-id", help="ID of second config to compare")] = "",
    from_content: Annotated[
        Path | None, typer.Option("--from-content", help="Content of first config to compare")
    ] = None,
    to_content: Annotated[Path | None, typer.Option("--to-content", help="Content of second config to compare")] = None,
) -> None:
    sides = {
        "from": {"id": from_id} if from_id else {"content": templates.read_text(from_content) if from_content else ""},
        "to": {"id": to_id} if to_id else {"content": templates.read_text(to_content) if to_content else ""},
    }
    session = sessions.of(context)
    session.director()
    for side, number, content in (("from", from_id, from_content), ("to", to_id, to_content)):
        if number and content:
            raise SessionError(f"Only one of --{side}-id and --{side}-content can be specified")
        if not (number or content):
            raise SessionError(f"One of --{side}-id or --{side}-content must be specified")
    answer = _diff(session, "/configs/diff", body=json.dumps(sides).encode(), headers=_JSON)
    row = (from_id, to_id, diff.text_of(answer["diff"]))
    session.ui.table(Table("", ("From ID", "To ID", "Diff"), (row,), notes=(), transpose=True, fill_first=True))


def _typed(context: typer.Context, path: str, kind: str, name: str) -> None:
    """Show the newest config of a kind. Raises SessionError."""
    session = sessions.of(context)
    director = session.director()
    with doing(f"Finding {kind} configs"):
        found = director.get(path, limit=1, name=name)
    if not found:
        missing = f"No runtime config with name '{name}'" if name else "No default runtime config"
        raise SessionError(missing if kind == "runtime" else f"No {kind} config")
    session.ui.block(str(found[0]["properties"]))


def cloud_config(context: typer.Context, name: Name = "") -> None:
    _typed(context, "/cloud_configs", "cloud", name)


def cpi_config(context: typer.Context) -> None:
    _typed(context, "/cpi_configs", "CPI", "")


def runtime_config(context: typer.Context, name: Name = "") -> None:
    _typed(context, "/runtime_configs", "runtime", name)


def _update(
    session: Session, path: str, kind: str, content: str, query: dict[str, str], upload: bool = False, fix: bool = False
) -> None:
    call: dict[str, Any] = {"headers": {"Content-Type": "text/yaml"}}
    answer = _diff(session, f"{path}/diff", body=content.encode(), query=query, **call)
    diff.show(session.ui, answer["diff"])
    if upload:
        content = manifest_releases.upload(session, content, kind, fix=fix)
    session.ui.confirm()
    with doing(f"Updating {kind} config"):
        named = {"name": query["name"]} if "name" in query else {}
        session.director().call("POST", path, body=content.encode(), query=named, **call)


def update_cloud_config(
    context: typer.Context,
    path: ConfigPath,
    name: Name = "",
    var: Vars = None,
    var_file: VarFiles = None,
    vars_file: VarsFiles = None,
    vars_env: VarsEnv = None,
    vars_store: VarsStore = None,
    ops_file: OpsFiles = None,
) -> None:
    template = templates.Template.read(path, var, var_file, vars_file, vars_env, vars_store, ops_file)
    session = sessions.of(context)
    session.director()
    with doing("Evaluating cloud config"):
        content = template.evaluated()
    _update(session, "/cloud_configs", "cloud", content, {"name": name})


def update_cpi_config(
    context: typer.Context,
    path: ConfigPath,
    no_redact: Annotated[bool, typer.Option("--no-redact", help="Show non-redacted config diff")] = False,
    var: Vars = None,
    var_file: VarFiles = None,
    vars_file: VarsFiles = None,
    vars_env: VarsEnv = None,
    vars_store: VarsStore = None,
    ops_file: OpsFiles = None,
) -> None:
    template = templates.Template.read(path, var, var_file, vars_file, vars_env, vars_store, ops_file)
    session = sessions.of(context)
    session.director()
    with doing("Evaluating cpi config"):
        content = template.evaluated()
    _update(session, "/cpi_configs", "CPI", content, {} if not no_redact else {"redact": "false"})


def update_runtime_config(
    context: typer.Context,
    path: ConfigPath,
    name: Name = "",
    no_redact: Annotated[bool, typer.Option("--no-redact", help="Show non-redacted config diff")] = False,
    fix_releases: Annotated[
        bool,
        typer.Option("--fix-releases", help="Reupload releases in config and replace corrupt or missing jobs/packages"),
    ] = False,
    var: Vars = None,
    var_file: VarFiles = None,
    vars_file: VarsFiles = None,
    vars_env: VarsEnv = None,
    vars_store: VarsStore = None,
    ops_file: OpsFiles = None,
) -> None:
    template = templates.Template.read(path, var, var_file, vars_file, vars_env, vars_store, ops_file)
    session = sessions.of(context)
    session.director()
    with doing("Evaluating runtime config"):
        content = template.evaluated()
    query = {"name": name, **({"redact": "false"} if no_redact else {})}
    _update(session, "/runtime_configs", "runtime", content, query, upload=True, fix=fix_releases)
