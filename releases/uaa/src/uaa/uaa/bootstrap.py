"""Make what the manifest lists: at every start, with the same result however often.

Rules: uaa, client/ClientAdminBootstrap.java and scim/bootstrap/ScimUserBootstrap.java. A secret that is right already is left alone, for
another hash of the same would void every token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Final

from sqlalchemy import Connection

from uaa.config import Delete
from uaa.context import Uaa
from uaa.errors import UaaError
from uaa.records import UAA, Client, ExternalGroup, Group, Member, Provider, User
from uaa.seeds import ClientSeed, UserSeed
from uaa.store import clients, groups, providers, users

_ATTEMPTS: Final = 5
_CONFLICT: Final = 409


def run(uaa: Uaa) -> None:
    """Clients, groups and users. Another instance may do the same now: what it made first is found at the next attempt."""
    steps = (
        *(partial(_client, uaa, seed) for seed in uaa.config.client_seeds()),
        partial(_shared, uaa),
        *(partial(_user, uaa, seed) for seed in uaa.config.user_seeds()),
        partial(_delete, uaa),
    )
    for step in steps:
        _repeated(step)


def _repeated(step: Callable[[], None]) -> None:
    for attempt in range(_ATTEMPTS):
        try:
            step()
        except UaaError as error:
            if error.status != _CONFLICT or attempt + 1 == _ATTEMPTS:
                raise
        else:
            return


def _shared(uaa: Uaa) -> None:
    with uaa.db.transaction() as connection:
        _provider(uaa, connection)
        _groups(uaa, connection)


def _client(uaa: Uaa, seed: ClientSeed) -> None:
    with uaa.db.reading() as connection:
        before = clients.find(connection, seed.id)
    if before is not None and not seed.override:
        return
    after = Client(
        id=seed.id,
        secrets=_secrets(uaa, seed, before),
        scope=seed.scope,
        authorities=seed.authorities,
        grant_types=seed.grant_types,
        redirect_uris=seed.redirect_uris,
        autoapprove=seed.autoapprove,
        access_token_validity_s=seed.access_token_validity_s,
        refresh_token_validity_s=seed.refresh_token_validity_s,
        more=seed.more,
        salt=before.salt if before else None,
        modified_ms=before.modified_ms if before else 0,
    )
    if after == before:
        return
    with uaa.db.transaction() as connection:
        if clients.find(connection, seed.id) is None:
            clients.add(connection, after, now_ms=uaa.now_ms())
        else:
            clients.put(connection, after, now_ms=uaa.now_ms())


def _secrets(uaa: Uaa, seed: ClientSeed, before: Client | None) -> tuple[str, ...]:
    had = before.secrets if before else ()
    if len(had) == len(seed.secrets) and all(map(uaa.hasher.matches, seed.secrets, had)):
        return had
    return tuple(uaa.hasher.hash(secret) for secret in seed.secrets)


def _provider(uaa: Uaa, connection: Connection) -> None:
    if providers.by_origin(connection, UAA) is None:
        now = uaa.now_ms()
        providers.add(connection, Provider(uaa.system.new_id(), UAA, UAA, UAA, created_ms=now, modified_ms=now))


def _groups(uaa: Uaa, connection: Connection) -> None:
    for name in uaa.config.user_groups:
        _group(uaa, connection, name)
    for name, about in uaa.config.scim.groups.items():
        found = _group(uaa, connection, name)
        if about and found.description != about:
            groups.put(connection, replace(found, description=about), now_ms=uaa.now_ms())
    for origin, mappings in uaa.config.scim.external_groups.items():
        for external, names in mappings.items():
            for name in names:
                mapping = ExternalGroup(_group(uaa, connection, name).id, external.lower(), origin)
                groups.map_external(connection, mapping)


def _group(uaa: Uaa, connection: Connection, name: str) -> Group:
    now = uaa.now_ms()
    return groups.ensure(connection, Group(uaa.system.new_id(), name, None, now, now))


def _user(uaa: Uaa, seed: UserSeed) -> None:
    with uaa.db.reading() as connection:
        before = users.by_name(connection, seed.username, seed.origin)
    if before is not None and not uaa.config.scim.user_override:
        return
    password = _password(uaa, seed, before)
    with uaa.db.transaction() as connection:
        before = users.by_name(connection, seed.username, seed.origin)
        user = (
            _made(uaa, connection, seed, password) if before is None else _kept(uaa, connection, seed, before, password)
        )
        _memberships(uaa, connection, user, seed.groups)


def _password(uaa: Uaa, seed: UserSeed, before: User | None) -> str:
    if seed.origin != UAA:
        return ""
    if before is not None and uaa.hasher.matches(seed.password, before.password):
        return before.password
    return uaa.hasher.hash(seed.password)


def _made(uaa: Uaa, connection: Connection, seed: UserSeed, password: str) -> User:
    now = uaa.now_ms()
    user = User(
        id=uaa.system.new_id(),
        username=seed.username,
        email=seed.email,
        origin=seed.origin,
        given_name=seed.given_name,
        family_name=seed.family_name,
        password=password,
        password_changed_ms=now,
        created_ms=now,
        modified_ms=now,
    )
    users.add(connection, user)
    return user


def _kept(uaa: Uaa, connection: Connection, seed: UserSeed, before: User, password: str) -> User:
    after = replace(
        before,
        username=seed.username,
        email=seed.email,
        given_name=seed.given_name,
        family_name=seed.family_name,
        password=password,
        password_changed_ms=before.password_changed_ms if password == before.password else uaa.now_ms(),
        verified=True,
    )
    return before if after == before else users.put(connection, after, now_ms=uaa.now_ms())


def _memberships(uaa: Uaa, connection: Connection, user: User, names: Iterable[str]) -> None:
    """The user is in these groups and, of those it could be in itself, no others."""
    wanted = {_group(uaa, connection, name).id for name in names}
    present = {group.id for group, direct in groups.of_member(connection, user.id) if direct}
    for group_id in present - wanted:
        groups.leave(connection, group_id, user.id)
    for group_id in sorted(wanted - present):
        groups.join(connection, group_id, Member(user.id, "USER", user.origin))


def _delete(uaa: Uaa) -> None:
    with uaa.db.transaction() as connection:
        _remove(uaa.config.delete, connection)


def _remove(gone: Delete, connection: Connection) -> None:
    if gone.clients:
        clients.remove(connection, gone.clients)
    for name in gone.users:
        user = users.by_name(connection, name)
        if user is not None:
            users.remove(connection, user.id)
    for origin in gone.identity_providers:
        provider = providers.by_origin(connection, origin)
        if provider is not None and origin != UAA:
            providers.remove(connection, provider.id)
            users.remove_origin(connection, origin)
