"""Into the instances: shells, commands, files. The system's ``ssh`` and ``scp`` do the work (bosh-cli: ssh/ssh_args.go).

The director puts a user with a fresh key on every instance chosen, the session runs, and the user is removed again.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from bosh.cli import session as sessions
from bosh.cli.commands.deployments import path_of
from bosh.cli.commands.slugs import all_or_group_or_instance
from bosh.cli.output.table import Table
from bosh.cli.session import Session, SessionError


@dataclass(frozen=True, slots=True)
class Gateway:
    """A host to jump over. Empty fields come from the director's answer."""

    user: str = ""
    host: str = ""
    private_key: str = ""
    socks5: str = ""
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Host:
    """One instance that lets us in."""

    label: str
    address: str
    user: str
    host_key: str


@dataclass(frozen=True, slots=True)
class Access:
    """Everything ``ssh`` needs for some hosts."""

    hosts: tuple[Host, ...]
    key_file: Path
    known_hosts: Path
    gateway: Gateway
    options: tuple[str, ...] = ()

    def arguments(self, *, tty: bool = False) -> list[str]:
        """Options for ``ssh`` and ``scp``."""
        words = ["-tt"] if tty else []
        fixed = {
            "ServerAliveInterval": "30",
            "ForwardAgent": "no",
            "PasswordAuthentication": "no",
            "IdentitiesOnly": "yes",
            "IdentityFile": str(self.key_file),
            "UserKnownHostsFile": str(self.known_hosts),
            "StrictHostKeyChecking": "yes",
        }
        for name, value in fixed.items():
            words += ["-o", f"{name}={value}"]
        return [*words, *_proxy(self.gateway), *self.options]


def _proxy(gateway: Gateway) -> list[str]:
    if gateway.socks5:
        address = gateway.socks5.removeprefix("socks5://")
        return ["-o", f"ProxyCommand=nc -x {address} %h %p"]
    if gateway.disabled or not gateway.host:
        return []
    words = "ssh -tt -W %h:%p"
    words += (
        f" -l {gateway.user} {gateway.host} -o ServerAliveInterval=30 -o ForwardAgent=no -o ClearAllForwardings=yes"
    )
    words += " -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
    if gateway.private_key:
        words += f" -o PasswordAuthentication=no -o IdentitiesOnly=yes -o IdentityFile={gateway.private_key}"
    return ["-o", f"ProxyCommand={words}"]


def gateway_of(given: Gateway) -> Gateway:
    """The gateway as given, with ``BOSH_ALL_PROXY`` when nothing else is."""
    return (
        given
        if given.host or given.socks5
        else Gateway(given.user, "", given.private_key, os.environ.get("BOSH_ALL_PROXY", ""), given.disabled)
    )


def _key_pair() -> tuple[str, str]:
    """(private PEM, public line) of a fresh RSA-2048 key, as the original makes."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(65537, 2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return private.decode(), public.decode()


@contextmanager
def access(session: Session, slug: str, gateway: Gateway, options: Sequence[str] = ()) -> Iterator[Access]:
    """Users on the chosen instances, for as long as the context lasts. Raises SessionError when an instance refused."""
    group, number = all_or_group_or_instance(slug)
    path = path_of(session.deployment(), "ssh")
    user, (private, public) = f"bosh_{secrets.token_hex(8)[:15]}", _key_pair()
    chosen = [] if number == "*" else [number]
    target = {"job": "" if group == "*" else group, "indexes": chosen, "ids": chosen}
    body: dict[str, Any] = {"deployment_name": session.deployment(), "target": target}
    headers = {"Content-Type": "application/json"}
    director = session.director()
    setup = body | {"command": "setup", "params": {"user": user, "public_key": public}}
    task_id = director.start_task("POST", path, body=json.dumps(setup).encode(), headers=headers)
    try:
        rows = [
            row
            for part in session.silent_rows(task_id, what="Setting up SSH")
            for row in (part if isinstance(part, list) else [part])
        ]
        with tempfile.TemporaryDirectory() as folder:
            yield _access(Path(folder), rows, user, private, gateway, options)
    finally:
        cleanup = body | {"command": "cleanup", "params": {"user_regex": f"^{user}"}}
        director.start_task("POST", path, body=json.dumps(cleanup).encode(), headers=headers)


def _access(
    folder: Path, rows: list[dict[str, Any]], user: str, private: str, gateway: Gateway, options: Sequence[str]
) -> Access:
    failed = [row for row in rows if row.get("status") != "success"]
    if failed or not rows:
        raise SessionError(f"Setting up SSH: {json.dumps(failed) if failed else 'no instance matches'}")
    hosts = tuple(
        Host(
            f"{row.get('job') or '?'}/{row.get('id') or row.get('index')}",
            row["ip"],
            user,
            row.get("host_public_key") or "",
        )
        for row in rows
    )
    key_file, known = folder / "key", folder / "known_hosts"
    key_file.touch(mode=0o600)
    key_file.write_text(private)
    known.write_text("".join(f"{host.address} {host.host_key}\n" for host in hosts))
    if not gateway.host and rows[0].get("gateway_host"):
        gateway = Gateway(
            gateway.user or rows[0].get("gateway_user") or "vcap",
            rows[0]["gateway_host"],
            gateway.private_key,
            gateway.socks5,
            gateway.disabled,
        )
    return Access(hosts, key_file, known, gateway, tuple(options))


def run_everywhere(
    session: Session, slug: str, command: Sequence[str], gateway: Gateway, *, results: bool, options: Sequence[str] = ()
) -> None:
    """A command on every chosen instance at once. Raises SessionError when one of them failed."""
    with access(session, slug, gateway, options) as granted:
        started = []
        for host in granted.hosts:
            words = ["ssh", *granted.arguments(), "-l", host.user, "--", host.address, *command]
            started.append(
                (
                    host,
                    subprocess.Popen(
                        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
                    ),
                )
            )
        try:
            ended = _gather(session, started, results=results)
        finally:
            for _, process in started:
                if process.poll() is None:
                    process.terminate()
    failed = [host.label for host, code in ended if code]
    if failed:
        raise SessionError(f"Running SSH: command failed on {', '.join(failed)}")


def _gather(
    session: Session, started: list[tuple[Host, subprocess.Popen[str]]], *, results: bool
) -> list[tuple[Host, int]]:
    """Print lines as they come (``group/id: stdout | text``), or one table of everything at the end."""
    from concurrent.futures import ThreadPoolExecutor

    def follow(host: Host, name: str, stream: Any) -> str:
        lines = []
        for line in stream:
            lines.append(line)
            if not results:
                session.ui.block(f"{host.label}: {name} | {line.rstrip()}\n")
        return "".join(lines)

    with ThreadPoolExecutor(max_workers=2 * len(started)) as pool:
        reads = [
            (
                host,
                process,
                pool.submit(follow, host, "stdout", process.stdout),
                pool.submit(follow, host, "stderr", process.stderr),
            )
            for host, process in started
        ]
        rows = tuple((host.label, out.result(), err.result(), process.wait()) for host, process, out, err in reads)
    if results:
        session.ui.table(Table("results", ("Instance", "Stdout", "Stderr", "Exit Code"), rows, sort_by=(0,)))
    return [(host, process.returncode) for host, process in started]


def ssh(
    context: typer.Context,
    slug: Annotated[str, typer.Argument(metavar="INSTANCE-GROUP[/INSTANCE-ID]")] = "",
    command: Annotated[list[str] | None, typer.Option("--command", "-c", help="Command")] = None,
    opts: Annotated[list[str] | None, typer.Option("--opts", help="Options to pass through to SSH")] = None,
    results: Annotated[
        bool, typer.Option("--results", "-r", help="Collect results into a table instead of streaming")
    ] = False,
    gw_disable: Annotated[
        bool, typer.Option("--gw-disable", envvar="BOSH_GW_DISABLE", help="Disable usage of gateway connection")
    ] = False,
    gw_user: Annotated[
        str, typer.Option("--gw-user", envvar="BOSH_GW_USER", help="Username for gateway connection")
    ] = "",
    gw_host: Annotated[str, typer.Option("--gw-host", envvar="BOSH_GW_HOST", help="Host for gateway connection")] = "",
    gw_private_key: Annotated[
        str,
        typer.Option("--gw-private-key", envvar="BOSH_GW_PRIVATE_KEY", help="Private key path for gateway connection"),
    ] = "",
    gw_socks5: Annotated[str, typer.Option("--gw-socks5", envvar="BOSH_ALL_PROXY", help="SOCKS5 URL")] = "",
) -> None:
    session = sessions.of(context)
    gateway = Gateway(gw_user, gw_host, gw_private_key, gw_socks5, disabled=gw_disable)
    if command or results or not session.flags_interactive:
        run_everywhere(session, slug, command or [], gateway, results=results, options=opts or [])
        return
    with access(session, slug, gateway, opts or []) as granted:
        if len(granted.hosts) != 1:
            raise SessionError("Interactive SSH only works for a single host at a time")
        host = granted.hosts[0]
        words = ["ssh", *granted.arguments(tty=sys.stdin.isatty()), "-l", host.user, "--", host.address]
        code = subprocess.run(words, check=False).returncode
    if code:
        raise SessionError(f"Running SSH: exit status {code}")


def scp(
    context: typer.Context,
    paths: Annotated[list[str], typer.Argument(metavar="PATHS...")],
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Recursively copy entire directories")] = False,
    gw_disable: Annotated[
        bool, typer.Option("--gw-disable", envvar="BOSH_GW_DISABLE", help="Disable usage of gateway connection")
    ] = False,
    gw_user: Annotated[
        str, typer.Option("--gw-user", envvar="BOSH_GW_USER", help="Username for gateway connection")
    ] = "",
    gw_host: Annotated[str, typer.Option("--gw-host", envvar="BOSH_GW_HOST", help="Host for gateway connection")] = "",
    gw_private_key: Annotated[
        str,
        typer.Option("--gw-private-key", envvar="BOSH_GW_PRIVATE_KEY", help="Private key path for gateway connection"),
    ] = "",
    gw_socks5: Annotated[str, typer.Option("--gw-socks5", envvar="BOSH_ALL_PROXY", help="SOCKS5 URL")] = "",
) -> None:
    session = sessions.of(context)
    remote = [path.partition(":")[0] for path in paths if ":" in path]
    if len(set(remote)) != 1:
        raise SessionError("Missing remote host information: write one side as INSTANCE-GROUP[/INSTANCE-ID]:PATH")
    gateway = Gateway(gw_user, gw_host, gw_private_key, gw_socks5, disabled=gw_disable)
    with access(session, remote[0], gateway) as granted:
        failed = [host.label for host in granted.hosts if _copy(granted, host, paths, recursive=recursive)]
    if failed:
        raise SessionError(f"Running SCP: copying failed for {', '.join(failed)}")


def _copy(granted: Access, host: Host, paths: Sequence[str], *, recursive: bool) -> int:
    """Exit status of one ``scp``; ``((instance_id))`` in a local path becomes the instance's id."""
    address = f"[{host.address}]" if ":" in host.address else host.address
    resolved = [
        f"{host.user}@{address}:{path.partition(':')[2]}"
        if ":" in path
        else path.replace("((instance_id))", host.label.partition("/")[2])
        for path in paths
    ]
    return subprocess.run(
        ["scp", *granted.arguments(), *(["-r"] if recursive else []), "--", *resolved], check=False
    ).returncode
