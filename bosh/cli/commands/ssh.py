"""Into the instances: shells, commands, files. The system's ``ssh`` and ``scp`` do the work (bosh-cli: ssh/ssh_args.go).

The director puts a user with a fresh key on every instance chosen, the session runs, and the user is removed again.
"""

from __future__ import annotations

import json
import secrets
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any

import typer

from bosh.cli import session as sessions
from bosh.cli import templates
from bosh.cli.commands.deployments import path_of
from bosh.cli.commands.slugs import all_or_group_or_instance
from bosh.cli.failures import flagged
from bosh.cli.output.table import Table
from bosh.cli.session import Session, SessionError, UsageError, doing


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
    known_hosts: Path | None
    """None when nobody vouches for the hosts."""
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
            "UserKnownHostsFile": str(self.known_hosts or "/dev/null"),
            "StrictHostKeyChecking": "yes" if self.known_hosts else "no",
        }
        for name, value in fixed.items():
            words += ["-o", f"{name}={value}"]
        to_ipv6 = any(":" in host.address for host in self.hosts)
        return [*words, *_proxy(self.gateway, to_ipv6=to_ipv6), *self.options]


def _proxy(gateway: Gateway, *, to_ipv6: bool) -> list[str]:
    """How ``ssh`` reaches hosts behind a gateway. Raises SessionError."""
    if gateway.socks5:
        if gateway.socks5.startswith("ssh+"):
            raise SessionError(
                "cannot use a SOCKS5 proxy over SSH (ssh+socks5://…): give the host with --gw-host instead"
            )
        address = gateway.socks5.removeprefix("socks5://")
        program = "connect-proxy -S" if shutil.which("connect-proxy") else "nc -x"
        return ["-o", f"ProxyCommand={program} {address} %h %p"]
    if gateway.disabled or not gateway.host:
        return []
    words = f"ssh -tt -W {'[%h]' if to_ipv6 else '%h'}:%p"
    words += f" -l {shlex.quote(gateway.user)} {shlex.quote(gateway.host)}"
    words += " -o ServerAliveInterval=30 -o ForwardAgent=no -o ClearAllForwardings=yes"
    words += " -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
    if gateway.private_key:
        words += f" -o PasswordAuthentication=no -o IdentitiesOnly=yes -o IdentityFile={gateway.private_key}"
    return ["-o", f"ProxyCommand={words}"]


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
def with_key(
    session: Session, slug: str, key_file: Path, user: str, gateway: Gateway, options: Sequence[str] = ()
) -> Iterator[Access]:
    """One host that already lets a key of the person's in: an address, or an instance. Raises SessionError."""
    yield Access((_known_host(session, slug, user),), key_file, None, gateway, tuple(options))


def _known_host(session: Session, slug: str, user: str) -> Host:
    if is_address(slug):
        return Host(slug, slug, user, "")
    group, number = all_or_group_or_instance(slug)
    deployment = session.deployment()
    rows = session.director().get(path_of(deployment, "instances"))
    found = [
        row
        for row in rows
        if group in {"*", row["job"]} and number in {"*", str(row.get("id")), str(row.get("index"))} and row.get("ips")
    ]
    if len(found) != 1:
        raise SessionError(f"Expected '{slug}' to be one instance with an address, but {len(found)} match")
    return Host(f"{found[0]['job']}/{found[0]['id']}", found[0]["ips"][0], user, "")


def is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


@contextmanager
def access(session: Session, slug: str, gateway: Gateway, options: Sequence[str] = ()) -> Iterator[Access]:
    """Users on the chosen instances, for as long as the context lasts. Raises SessionError when an instance refused."""
    group, number = all_or_group_or_instance(slug)
    deployment = session.deployment()
    path = path_of(deployment, "ssh")
    user, (private, public) = f"bosh_{secrets.token_hex(8)[:15]}", _key_pair()
    chosen = [] if number == "*" else [number]
    target = {"job": "" if group == "*" else group, "indexes": chosen, "ids": chosen}
    body: dict[str, Any] = {"deployment_name": deployment, "target": target}
    headers = {"Content-Type": "application/json"}
    director = session.director()
    setup = body | {"command": "setup", "params": {"user": user, "public_key": public}}
    what = f"Setting up SSH in deployment '{deployment}'"
    with doing(what):
        task_id = director.start_task("POST", path, body=json.dumps(setup).encode(), headers=headers)
    try:
        session.follow(task_id, what=what)
        rows = [row for part in director.result_rows(task_id) for row in (part if isinstance(part, list) else [part])]
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
        raise SessionError("Setting up SSH", json.dumps(failed) if failed else "no instance matches")
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
    session: Session,
    reached: AbstractContextManager[Access],
    command: Sequence[str],
    *,
    results: bool,
    tty: bool = False,
) -> None:
    """A command on every chosen instance at once. Raises SessionError when one of them failed.

    Args:
        tty: give it a terminal, so that it ends with us; its errors are then part of its output.
    """
    with reached as granted:
        started = []
        for host in granted.hosts:
            words = ["ssh", *granted.arguments(tty=tty), "-l", host.user, "--", host.address, *command]
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
    failed = [f"command failed on {host.label}: exit status {code}" for host, code in ended if code]
    if failed:
        raise SessionError("Running SSH", "\n  ".join(failed))


def results_table(rows: Iterable[tuple[str, str, str, int]]) -> Table:
    """What each instance answered: (instance, output, errors, exit status) (bosh-cli: ssh/results_writer.go)."""
    cells = tuple((*row, f"exit status {row[3]}" if row[3] else "") for row in rows)
    columns = ("Instance", "Stdout", "Stderr", "Exit Code", "Error")
    return Table("results", columns, cells, sort_by=(0,), transpose=True, fill_first=True)


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
        session.ui.table(results_table(rows))
    return [(host, process.returncode) for host, process in started]


Disable = Annotated[
    bool, typer.Option("--gw-disable", envvar="BOSH_GW_DISABLE", help="Disable usage of gateway connection")
]
GatewayUser = Annotated[str, typer.Option("--gw-user", envvar="BOSH_GW_USER", help="Username for gateway connection")]
GatewayHost = Annotated[str, typer.Option("--gw-host", envvar="BOSH_GW_HOST", help="Host for gateway connection")]
GatewayKey = Annotated[
    str,
    typer.Option("--gw-private-key", envvar="BOSH_GW_PRIVATE_KEY", help="Private key path for gateway connection"),
]
Socks5 = Annotated[str, typer.Option("--gw-socks5", envvar="BOSH_ALL_PROXY", help="SOCKS5 URL")]
PrivateKey = Annotated[Path | None, typer.Option("--private-key", "-i", help="SSH using authorized key")]
Username = Annotated[str, typer.Option("--username", "-l", help="Login name for authorized key")]


def ssh(
    context: typer.Context,
    slug: Annotated[str, typer.Argument(metavar="INSTANCE-GROUP[/INSTANCE-ID] | IP")] = "",
    words: Annotated[list[str] | None, typer.Argument(metavar="COMMAND", hidden=True)] = None,
    command: Annotated[list[str] | None, typer.Option("--command", "-c", help="Command")] = None,
    opts: Annotated[list[str] | None, typer.Option("--opts", help="Options to pass through to SSH")] = None,
    results: Annotated[
        bool, typer.Option("--results", "-r", help="Collect results into a table instead of streaming")
    ] = False,
    private_key: PrivateKey = None,
    username: Username = "vcap",
    gw_disable: Disable = False,
    gw_user: GatewayUser = "",
    gw_host: GatewayHost = "",
    gw_private_key: GatewayKey = "",
    gw_socks5: Socks5 = "",
) -> None:
    if not is_address(slug):
        all_or_group_or_instance(slug)
    if command and words:
        raise UsageError(f"Command 'ssh' does not support extra arguments: {', '.join(words)}")
    session = sessions.of(context)
    gateway = Gateway(gw_user, gw_host, gw_private_key, gw_socks5, disabled=gw_disable)
    options = [option.strip() for option in opts or []]
    reached = (
        with_key(session, slug, _key_of(private_key), username, gateway, options)
        if private_key
        else access(session, slug, gateway, options)
    )
    wanted = command or words or []
    if not wanted and (results or not session.flags_interactive):
        raise SessionError("Non-interactive SSH requires non-empty command")
    if wanted:
        run_everywhere(session, reached, wanted, results=results)
    else:
        _interactive(reached)


def _key_of(path: Path) -> Path:
    """Raises UsageError: it cannot be read."""
    with flagged("-i, --private-key"):
        templates.read_bytes(path)
    return path.expanduser()


def _interactive(reached: AbstractContextManager[Access]) -> None:
    with reached as granted:
        if len(granted.hosts) != 1:
            raise SessionError(
                "Running SSH", f"Interactive SSH only works for a single host at a time, but {len(granted.hosts)} match"
            )
        host = granted.hosts[0]
        words = ["ssh", *granted.arguments(tty=sys.stdin.isatty()), "-l", host.user, "--", host.address]
        code = subprocess.run(words, check=False).returncode
    if code:
        raise SessionError("Running SSH", f"exit status {code}")


def scp(
    context: typer.Context,
    paths: Annotated[list[str], typer.Argument(metavar="PATH")],
    recursive: Annotated[
        bool,
        typer.Option(
            "--recursive",
            "-r",
            help="Recursively copy entire directories. Note that symbolic links encountered are followed",
        ),
    ] = False,
    private_key: PrivateKey = None,
    username: Username = "vcap",
    gw_disable: Disable = False,
    gw_user: GatewayUser = "",
    gw_host: GatewayHost = "",
    gw_private_key: GatewayKey = "",
    gw_socks5: Socks5 = "",
) -> None:
    remote = [path.partition(":")[0] for path in paths if ":" in path]
    session = sessions.of(context)
    if not remote:
        raise SessionError("Missing remote host information in source/destination arguments")
    gateway = Gateway(gw_user, gw_host, gw_private_key, gw_socks5, disabled=gw_disable)
    reached = (
        with_key(session, remote[0], _key_of(private_key), username, gateway)
        if private_key
        else access(session, remote[0], gateway)
    )
    with reached as granted:
        failed = [host.label for host in granted.hosts if _copy(granted, host, paths, recursive=recursive)]
    if failed:
        raise SessionError("Running SCP", f"copying failed for {', '.join(failed)}")


def _copy(granted: Access, host: Host, paths: Sequence[str], *, recursive: bool) -> int:
    """Exit status of one ``scp``; ``((instance_id))`` becomes the instance's id."""
    address = f"[{host.address}]" if ":" in host.address else host.address
    resolved = [
        (f"{host.user}@{address}:{path.partition(':')[2]}" if ":" in path else path).replace(
            "((instance_id))", host.label.partition("/")[2]
        )
        for path in paths
    ]
    words = ["scp", *granted.arguments(), *(["-r"] if recursive else []), "--", *resolved]
    return subprocess.run(words, check=False).returncode
