"""Instances and VMs, with processes and vitals (columns: bosh-cli cmd/instance_table.go)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import typer

from bosh.cli import session as sessions
from bosh.cli.commands.deployments import path_of
from bosh.cli.commands.disks import newest_first, shown
from bosh.cli.output.table import Cell, Table, Verdict
from bosh.cli.output.values import thousands, yaml_of
from bosh.cli.session import Session, SessionError, doing

_DETAILS = ("State", "VM CID", "VM Type", "Disk CIDs", "Agent ID", "Index", "Bootstrap", "Ignore")
_VM = ("VM CID", "VM Type", "Active", "Stemcell")
_VITALS = (
    "VM Created At", "Uptime", "Load\n(1m, 5m, 15m)", "CPU\nTotal", "CPU\nUser", "CPU\nSys", "CPU\nWait", "Memory\nUsage",
    "Swap\nUsage", "System\nDisk Usage", "Ephemeral\nDisk Usage", "Persistent\nDisk Usage",
)  # fmt: skip


def uptime(seconds: int | None) -> str:
    """``1d 2h 3m 4s``."""
    if seconds is None:
        return ""
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{days}d {hours}h {minutes}m {seconds}s"


def _percent(text: Any) -> str:
    return f"{text}%" if text not in (None, "") else ""


def _memory(part: dict[str, Any] | None) -> str:
    """A VM's memory: both numbers are texts, shown as they come."""
    if not part or not part.get("percent") or not str(part.get("kb") or "").isdigit():
        return ""
    return f"{part['percent']}% ({thousands(int(part['kb']) * 1000)})"


def _process_memory(part: dict[str, Any] | None) -> str:
    """A process's memory: both are numbers."""
    if not part or part.get("percent") is None or part.get("kb") is None:
        return ""
    return f"{float(part['percent']):.1f}% ({thousands(int(part['kb']) * 1000)})"


def _disk(part: dict[str, Any] | None) -> str:
    if not part or not part.get("percent") or not part.get("inode_percent"):
        return ""
    return f"{part['percent']}% ({part['inode_percent']}i%)"


def _vitals(created_at: Any, vitals: dict[str, Any], *, is_vm: bool = True) -> list[Cell]:
    cpu, disk = vitals.get("cpu") or {}, vitals.get("disk") or {}
    total = cpu.get("total")
    return [
        shown(created_at),
        uptime((vitals.get("uptime") or {}).get("secs")),
        ", ".join(vitals.get("load") or []),
        f"{float(total):.1f}%" if total is not None else "",
        *(_percent(cpu.get(key)) for key in ("user", "sys", "wait")),
        _memory(vitals.get("mem")) if is_vm else _process_memory(vitals.get("mem")),
        _memory(vitals.get("swap")),
        *(_disk(disk.get(key)) for key in ("system", "ephemeral", "persistent")),
    ]


def _name(info: dict[str, Any]) -> str:
    return (info.get("job_name") or "?") + (f"/{info['id']}" if info.get("id") else "")


def is_running(info: dict[str, Any]) -> bool:
    """Whether the instance and all its processes run."""
    return _state(info) == "running" and all(p.get("state") == "running" for p in info.get("processes") or [])


def _details(info: dict[str, Any]) -> list[Cell]:
    return [
        info.get("state") or "",
        info.get("vm_cid") or "",
        info.get("vm_type") or info.get("resource_pool") or "",
        list(info.get("disk_cids") or []),
        info.get("agent_id") or "",
        info.get("index"),
        bool(info.get("bootstrap")),
        bool(info.get("ignore")),
    ]


def _vm(info: dict[str, Any]) -> list[Cell]:
    stemcell = info.get("stemcell") or {}
    active = info.get("active")
    return [
        info.get("vm_cid") or "",
        info.get("vm_type") or info.get("resource_pool") or "",
        "-" if active is None else bool(active),
        f"{stemcell['name']}/{stemcell['version']}" if stemcell.get("name") else "-",
    ]


def _state(info: dict[str, Any]) -> str:
    """A running instance without processes says nothing, as the original does."""
    state = info.get("job_state") or ""
    return "" if state == "running" and not info.get("processes") else str(state)


def _process_state(process: dict[str, Any]) -> Verdict:
    return Verdict(process.get("state") or "", process.get("state") != "running")


def instance_table(
    deployment: str, infos: Iterable[dict[str, Any]], *, ps: bool, details: bool, vitals: bool, failing: bool
) -> Table:
    columns: tuple[str, ...] = ("Instance", *(("Process",) if ps else ()), "Process State", "AZ", "IPs", "Deployment")
    columns += (_DETAILS if details else ()) + (_VITALS if vitals else ())
    rows: list[tuple[Cell, ...]] = []
    for info in sorted(infos, key=_name):
        if failing and is_running(info):
            continue
        name = _name(info)
        row: list[Cell] = [
            name,
            *([""] if ps else []),
            Verdict(_state(info), not is_running(info)),
            info.get("az") or "",
            list(info.get("ips") or []),
            deployment,
        ]
        row += _details(info) if details else []
        row += _vitals(info.get("vm_created_at"), info.get("vitals") or {}) if vitals else []
        rows.append(tuple(row))
        for process in info.get("processes") or [] if ps else []:
            if failing and process.get("state") == "running":
                continue
            line: list[Cell] = [name, process.get("name") or "", _process_state(process), "", "", ""]
            line += [""] * (len(_DETAILS) if details else 0)
            line += _vitals("", process, is_vm=False) if vitals else []
            rows.append(tuple(line))
    count = sum(1 for row in rows if not (ps and row[1]))
    return Table("instances", columns, tuple(rows), title=f"Deployment '{deployment}'", sort_by=(0, 1), count=count)


def vm_table(deployment: str, infos: Iterable[dict[str, Any]], *, vitals: bool, cloud_properties: bool) -> Table:
    columns: tuple[str, ...] = ("Instance", "Process State", "AZ", "IPs", *_VM)
    columns += (("Cloud Properties",) if cloud_properties else ()) + (_VITALS if vitals else ())
    rows = []
    for info in infos:
        state = Verdict(_state(info), not is_running(info))
        row: list[Cell] = [_name(info), state, info.get("az") or "", list(info.get("ips") or []), *_vm(info)]
        row += [yaml_of(info.get("cloud_properties"))] if cloud_properties else []
        row += _vitals(info.get("vm_created_at"), info.get("vitals") or {}) if vitals else []
        rows.append(tuple(row))
    return Table("vms", columns, tuple(rows), title=f"Deployment '{deployment}'", sort_by=(0,))


def _infos(session: Session, kind: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """(deployment, rows) of the one deployment named, or of all that can be asked. Raises SessionError at the end when some cannot."""
    director = session.director()
    if session.flags.deployment:
        yield session.flags.deployment, _asked(session, session.flags.deployment, kind)
        return
    with doing("Finding deployments"):
        names = [item["name"] for item in director.get("/deployments", exclude_configs="true")]
    failures: list[SessionError] = []
    for start in range(0, len(names), max(1, session.flags.parallel)):
        chosen = names[start : start + max(1, session.flags.parallel)]
        started = {name: _started(session, name, kind, failures) for name in chosen}
        for name, task_id in started.items():
            try:
                if task_id:
                    yield name, _rows_of(session, name, kind, task_id)
            except SessionError as error:
                failures.append(error)
    if failures:
        raise SessionError("\n".join(f"- {error}" for error in failures))


def _started(session: Session, name: str, kind: str, failures: list[SessionError]) -> int:
    """The task that asks, 0 when it cannot even begin."""
    try:
        with doing(f"Listing deployment '{name}' {kind} infos"):
            return session.director().start_task("GET", path_of(name, kind), query={"format": "full"})
    except SessionError as error:
        failures.append(error)
        return 0


def _rows_of(session: Session, name: str, kind: str, task_id: int) -> list[dict[str, Any]]:
    session.follow(task_id, what=f"Listing deployment '{name}' {kind} infos")
    return session.director().result_rows(task_id)


def _asked(session: Session, name: str, kind: str) -> list[dict[str, Any]]:
    failures: list[SessionError] = []
    task_id = _started(session, name, kind, failures)
    if failures:
        raise failures[0]
    return _rows_of(session, name, kind, task_id)


def instances(
    context: typer.Context,
    details: Annotated[
        bool, typer.Option("--details", "-i", help="Show details including VM CID, persistent disk CID, etc.")
    ] = False,
    vitals: Annotated[bool, typer.Option("--vitals", help="Show vitals")] = False,
    ps: Annotated[bool, typer.Option("--ps", "-p", help="Show processes")] = False,
    failing: Annotated[bool, typer.Option("--failing", "-f", help="Only show failing instances")] = False,
) -> None:
    session = sessions.of(context)
    for name, infos in _infos(session, "instances"):
        session.ui.table(instance_table(name, infos, ps=ps, details=details, vitals=vitals, failing=failing))


def vms(
    context: typer.Context,
    vitals: Annotated[bool, typer.Option("--vitals", help="Show vitals")] = False,
    cloud_properties: Annotated[bool, typer.Option("--cloud-properties", help="Show cloud properties")] = False,
) -> None:
    session = sessions.of(context)
    for name, infos in _infos(session, "vms"):
        session.ui.table(vm_table(name, infos, vitals=vitals, cloud_properties=cloud_properties))


def orphaned_vms(context: typer.Context) -> None:
    session = sessions.of(context)
    director = session.director()
    with doing("Finding orphaned VMs"):
        found = director.get("/orphaned_vms")
    columns = ("VM CID", "Deployment", "Instance", "AZ", "IPs", "Orphaned At")
    rows = tuple(
        (
            item["cid"],
            item["deployment_name"],
            item["instance_name"],
            item["az"],
            list(item["ip_addresses"]),
            shown(item["orphaned_at"]),
        )
        for item in newest_first(found, "orphaned_at")
    )
    session.ui.table(Table("orphaned_vms", columns, rows))
