"""Who is who on this machine: passwords, authorities and certificates, made once and renewed before they expire."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import msgspec

from bosh.local.home import Home
from bosh.system.files import write_atomically
from bosh.system.ids import Ids
from bosh.variables.certificates import KeyPairPem, issue
from bosh.wire import subjects
from bosh.wire.errors import SystemFailure

AUTHORITY_DAYS = 3650
LEAF_DAYS = 365
RENEW_BEFORE = timedelta(days=60)
"""Long enough that an environment brought up once a month never meets an expired certificate."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Secrets of one environment. ``issued_at`` is ISO 8601, of the leaf certificates."""

    authority: KeyPairPem
    """Signs the director's, the blobstore's and the bus's server certificates."""
    client_authority: KeyPairPem
    """Signs those who may connect to the bus."""
    director: KeyPairPem
    nats_server: KeyPairPem
    nats_director: KeyPairPem
    nats_monitor: KeyPairPem
    issued_at: str
    admin_password: str
    monitor_password: str
    blobstore_agent_password: str
    blobstore_director_password: str
    blobstore_secret: str

    def __repr__(self) -> str:
        """Without a secret, so that no log holds one."""
        return f"Identity(issued_at={self.issued_at!r})"


def _leaves(authority: KeyPairPem, client_authority: KeyPairPem, home: Home, now: datetime) -> dict[str, KeyPairPem]:
    def server(common_name: str, *names: str) -> KeyPairPem:
        return issue(
            common_name=common_name,
            ca=authority,
            alternative_names=names,
            not_before=now - timedelta(hours=1),
            days=LEAF_DAYS,
        )

    def client(common_name: str) -> KeyPairPem:
        return issue(
            common_name=common_name,
            ca=client_authority,
            usages=("client_auth",),
            not_before=now - timedelta(hours=1),
            days=LEAF_DAYS,
        )

    address = str(home.host_address)
    return {
        "director": server("director.bosh-internal", "127.0.0.1", "localhost", address),
        "nats_server": server(subjects.NATS_SERVER_COMMON_NAME, "127.0.0.1", address, subjects.NATS_SERVER_COMMON_NAME),
        "nats_director": client(subjects.DIRECTOR_COMMON_NAME),
        "nats_monitor": client(subjects.HEALTH_MONITOR_COMMON_NAME),
    }


def make(home: Home, ids: Ids, now: datetime) -> Identity:
    """A fresh identity."""
    before = now - timedelta(hours=1)
    authority = issue(common_name="bosh-local-ca", is_ca=True, not_before=before, days=AUTHORITY_DAYS)
    client_authority = issue(common_name="bosh-local-nats-ca", is_ca=True, not_before=before, days=AUTHORITY_DAYS)

    def password() -> str:
        return (ids.uuid() + ids.uuid()).replace("-", "")[:40]

    return Identity(
        authority=authority,
        client_authority=client_authority,
        **_leaves(authority, client_authority, home, now),
        issued_at=now.isoformat(),
        admin_password=password(),
        monitor_password=password(),
        blobstore_agent_password=password(),
        blobstore_director_password=password(),
        blobstore_secret=password(),
    )


def renewed(identity: Identity, home: Home, now: datetime) -> Identity:
    """The same identity, its leaf certificates new when they are about to expire."""
    if datetime.fromisoformat(identity.issued_at) + timedelta(days=LEAF_DAYS) - RENEW_BEFORE > now:
        return identity
    leaves = _leaves(identity.authority, identity.client_authority, home, now)
    return replace(identity, **leaves, issued_at=now.isoformat())  # type: ignore[arg-type]


def to_text(identity: Identity) -> str:
    return msgspec.json.format(msgspec.json.encode(identity)).decode()


def from_text(text: str) -> Identity:
    """Raises msgspec.ValidationError or msgspec.DecodeError when the text is no identity."""
    return msgspec.json.decode(text, type=Identity)


def known(home: Home) -> Identity | None:
    """This environment's identity, None before its first `bosh up`. Raises SystemFailure for a file that is none."""
    if not home.identity_file.exists():
        return None
    try:
        return from_text(home.identity_file.read_text())
    except (ValueError, msgspec.DecodeError) as error:
        raise SystemFailure(
            f"cannot read who is who in {home.identity_file}",
            details=str(error),
            resolution="Put the file back from a backup, or begin anew: `bosh down`, then `bosh up`.",
        ) from error


def load_or_make(home: Home, ids: Ids, now: datetime) -> Identity:
    """This environment's identity, from its file or new. Raises SystemFailure."""
    before = known(home)
    identity = renewed(before, home, now) if before else make(home, ids, now)
    if identity != before:
        write_atomically(home.identity_file, to_text(identity).encode(), mode=0o600)
    return identity
