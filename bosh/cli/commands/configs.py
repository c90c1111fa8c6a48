"""Configs: cloud, runtime, CPI and every other kind (bosh-cli: cmd/config*.go)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from bosh.cli import session as sessions
from bosh.cli import templates
from bosh.cli.commands import manifest_releases
from bosh.cli.output import diff
from bosh.cli.output.table import Table
from bosh.cli.session import Session, SessionError
from bosh.cli.templates import OpsFiles, VarFiles, Vars, VarsEnv, VarsFiles, VarsStore

_JSON = {"Content-Type": "application/json"}
Type = Annotated[str, typer.Option("--type", help="Config type, e.g. 'cloud', 'runtime', or 'cpi'")]
Name = Annotated[str, typer.Option("--name", help="Config name")]
ConfigPath = Annotated[Path, typer.Argument(metavar="PATH", help="Path to a YAML config file")]


def _post(session: Session, path: str, body: dict[str, Any]) -> Any:
    return session.director().call("POST", path, body=json.dumps(body).encode(), headers=_JSON).json()


def configs(
    context: typer.Context,
    name: Name = "",
    kind: Type = "",
    recent: Annotated[int, typer.Option("--recent", "-r", help="Number of configs to show")] = 1,
) -> None:
    session = sessions.of(context)
    found = session.director().get(
        "/configs", type=kind, name=name, limit=recent, latest="true" if recent <= 1 else "false"
    )
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
    session.ui.table(Table("", columns, (row,), transpose=True))


def _latest(session: Session, kind: str, name: str) -> dict[str, Any]:
    """Raises SessionError when there is none."""
    found = session.director().get("/configs", type=kind, name=name, latest="true", limit=1)
    if not found:
        raise SessionError(f"No config with type '{kind}' and name '{name}'")
    item: dict[str, Any] = found[0]
    return item


def config(
    context: typer.Context,
    number: Annotated[str, typer.Argument(metavar="[ID]", help="Config ID")] = "",
    name: Name = "",
    kind: Type = "",
) -> None:
    session = sessions.of(context)
    if bool(number) == bool(kind):
        raise SessionError("Either [ID] or --type (with --name) must be specified, and not both")
    _show(
        session, session.director().get(f"/configs/{number}") if number else _latest(session, kind, name or "default")
    )


def _update(session: Session, kind: str, name: str, content: str, expected_latest_id: str = "") -> None:
    body = {"type": kind, "name": name, "content": content}
    answer = _post(session, "/configs/diff", body)
    if answer.get("error"):
        raise SessionError(f"Fetching diff result: {answer['error']}")
    diff.show(session.ui, answer["diff"])
    session.ui.confirm()
    expected = expected_latest_id or (answer.get("from") or {}).get("id")
    if expected:
        body["expected_latest_id"] = str(expected)
    _show(session, _post(session, "/configs", body))


def update_config(
    context: typer.Context,
    path: ConfigPath,
    kind: Type,
    name: Name = "default",
    expected_latest_id: Annotated[str, typer.Option("--expected-latest-id", help="Expected ID of latest config")] = "",
    var: Vars = None,
    var_file: VarFiles = None,
    vars_file: VarsFiles = None,
    vars_env: VarsEnv = None,
    vars_store: VarsStore = None,
    ops_file: OpsFiles = None,
) -> None:
    sources = templates.variables(var, var_file, vars_file, vars_env, vars_store)
    content = templates.interpolated(path, sources, templates.read_ops(ops_file))
    _update(sessions.of(context), kind, name, content, expected_latest_id)


def delete_config(
    context: typer.Context,
    number: Annotated[str, typer.Argument(metavar="[ID]", help="Config ID")] = "",
    name: Name = "",
    kind: Type = "",
) -> None:
    session = sessions.of(context)
    if bool(number) == bool(kind):
        raise SessionError("Either [ID] or --type (with --name) must be specified, and not both")
    session.ui.confirm()
    if number:
        session.director().call("DELETE", f"/configs/{number}")
    else:
        session.director().call("DELETE", "/configs", query={"type": kind, "name": name or "default"})


def diff_config(
    context: typer.Context,
    from_id: Annotated[str, typer.Option("--from-id", help="ID of first config to compare")] = "",
    to_id: Annotated[str, typer.Option("--to-id", help="ID of second config to compare")] = "",
    from_content: Annotated[
        Path | None, typer.Option("--from-content", help="Content of first config to compare")
    ] = None,
    to_content: Annotated[Path | None, typer.Option("--to-content", help="Content of second config to compare")] = None,
) -> None:
    session = sessions.of(context)

    def side(number: str, path: Path | None) -> dict[str, str]:
        if bool(number) == bool(path):
            raise SessionError("One and only one of ID and content must be given for each side")
        return {"id": number} if path is None else {"content": templates.read_text(path)}

    answer = _post(session, "/configs/diff", {"from": side(from_id, from_content), "to": side(to_id, to_content)})
    if answer.get("error"):
        raise SessionError(f"Fetching diff result: {answer['error']}")
    marks = {"added": "+ ", "removed": "- "}
    text = "\n".join(marks.get(line[1] or "", "  ") + line[0] for line in answer["diff"])
    session.ui.table(Table("", ("From ID", "To ID", "Diff"), ((from_id, to_id, text),), transpose=True))


def cloud_config(context: typer.Context, name: Name = "default") -> None:
    session = sessions.of(context)
    session.ui.block(str(_latest(session, "cloud", name)["content"]))


def cpi_config(context: typer.Context, name: Name = "default") -> None:
    session = sessions.of(context)
    session.ui.block(str(_latest(session, "cpi", name)["content"]))


def runtime_config(context: typer.Context, name: Name = "default") -> None:
    session = sessions.of(context)
    session.ui.block(str(_latest(session, "runtime", name)["content"]))


def update_cloud_config(
    context: typer.Context,
    path: ConfigPath,
    name: Name = "default",
    var: Vars = None,
    var_file: VarFiles = None,
    vars_file: VarsFiles = None,
    vars_env: VarsEnv = None,
    vars_store: VarsStore = None,
    ops_file: OpsFiles = None,
) -> None:
    sources = templates.variables(var, var_file, vars_file, vars_env, vars_store)
    _update(sessions.of(context), "cloud", name, templates.interpolated(path, sources, templates.read_ops(ops_file)))


def update_cpi_config(
    context: typer.Context,
    path: ConfigPath,
    name: Name = "default",
    no_redact: Annotated[bool, typer.Option("--no-redact", help="Show non-redacted config diff")] = False,
    var: Vars = None,
    var_file: VarFiles = None,
    vars_file: VarsFiles = None,
    vars_env: VarsEnv = None,
    vars_store: VarsStore = None,
    ops_file: OpsFiles = None,
) -> None:
    sources = templates.variables(var, var_file, vars_file, vars_env, vars_store)
    _update(sessions.of(context), "cpi", name, templates.interpolated(path, sources, templates.read_ops(ops_file)))


def update_runtime_config(
    context: typer.Context,
    path: ConfigPath,
    name: Name = "default",
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
    session = sessions.of(context)
    sources = templates.variables(var, var_file, vars_file, vars_env, vars_store)
    content = templates.interpolated(path, sources, templates.read_ops(ops_file))
    _update(session, "runtime", name, manifest_releases.upload(session, content, str(path), fix=fix_releases))
