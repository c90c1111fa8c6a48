"""What expires: revocable tokens, codes, sessions, failures to log in, approvals."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict

import msgspec
from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from uaa.records import Approval, Code, Session, Token
from uaa.store import schema

_TOKENS = schema.tokens
_CODES = schema.codes
_SESSIONS = schema.sessions
_FAILURES = schema.failures
_APPROVALS = schema.approvals


# --- tokens ------------------------------------------------------------------------------------------------------------------------


def find(connection: Connection, token_id: str, *, now_ms: int) -> Token | None:
    statement = select(_TOKENS).where(_TOKENS.c.id == token_id, _TOKENS.c.expires_ms > now_ms)
    row = connection.execute(statement).one_or_none()
    return Token(*row) if row else None


def keep(connection: Connection, token: Token) -> None:
    """Store it, unless it is there already: a refresh token is handed out again until it is rotated."""
    try:
        with connection.begin_nested():
            connection.execute(insert(_TOKENS).values(**asdict(token)))
    except IntegrityError:
        return


def revoke(connection: Connection, token_id: str) -> bool:
    """Whether it was there. Of two that ask at once, one hears True."""
    return connection.execute(delete(_TOKENS).where(_TOKENS.c.id == token_id)).rowcount == 1


def revoke_all(
    connection: Connection, *, user_id: str | None = None, client_id: str | None = None, kind: str | None = None
) -> None:
    """Those that match every part given; at least user or client."""
    if user_id is None and client_id is None:
        raise ValueError("refusing to revoke the tokens of everybody")
    statement = delete(_TOKENS)
    for column, value in ((_TOKENS.c.user_id, user_id), (_TOKENS.c.client_id, client_id), (_TOKENS.c.kind, kind)):
        if value is not None:
            statement = statement.where(column == value)
    connection.execute(statement)


def listed(
    connection: Connection, *, now_ms: int, user_id: str | None = None, client_id: str | None = None
) -> tuple[Token, ...]:
    statement = select(_TOKENS).where(_TOKENS.c.expires_ms > now_ms)
    if user_id is not None:
        statement = statement.where(_TOKENS.c.user_id == user_id)
    if client_id is not None:
        statement = statement.where(_TOKENS.c.client_id == client_id)
    return tuple(Token(*row) for row in connection.execute(statement.order_by(_TOKENS.c.issued_ms, _TOKENS.c.id)))


# --- codes -------------------------------------------------------------------------------------------------------------------------


def add_code(connection: Connection, code: Code) -> None:
    """A new code; earlier ones of the same intent are void."""
    if code.intent:
        connection.execute(delete(_CODES).where(_CODES.c.intent == code.intent))
    values = {**asdict(code), "data": msgspec.json.encode(code.data).decode()}
    connection.execute(insert(_CODES).values(**values))


def spend_code(connection: Connection, code: str, kind: str, *, now_ms: int) -> Code | None:
    """Take the code out of the world; None when there is none or another was faster."""
    row = connection.execute(select(_CODES).where(_CODES.c.code == code, _CODES.c.kind == kind)).one_or_none()
    if row is None or connection.execute(delete(_CODES).where(_CODES.c.code == code)).rowcount != 1:
        return None
    found = Code(row.code, row.kind, msgspec.json.decode(row.data), row.expires_ms, row.intent)
    return found if found.expires_ms > now_ms else None


# --- sessions ----------------------------------------------------------------------------------------------------------------------


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def open_session(connection: Connection, secret: str, session: Session) -> None:
    connection.execute(insert(_SESSIONS).values(digest=_digest(secret), **asdict(session)))


def find_session(connection: Connection, secret: str, *, now_ms: int) -> Session | None:
    statement = select(_SESSIONS).where(_SESSIONS.c.digest == _digest(secret), _SESSIONS.c.expires_ms > now_ms)
    row = connection.execute(statement).one_or_none()
    return Session(row.user_id, row.authenticated_ms, row.expires_ms) if row else None


def extend_session(connection: Connection, secret: str, *, expires_ms: int) -> None:
    connection.execute(update(_SESSIONS).where(_SESSIONS.c.digest == _digest(secret)).values(expires_ms=expires_ms))


def close_session(connection: Connection, secret: str) -> None:
    connection.execute(delete(_SESSIONS).where(_SESSIONS.c.digest == _digest(secret)))


def close_sessions_of(connection: Connection, user_id: str) -> None:
    connection.execute(delete(_SESSIONS).where(_SESSIONS.c.user_id == user_id))


# --- failures to log in --------------------------------------------------------------------------------------------------------------


def note_failure(connection: Connection, principal: str, *, now_ms: int) -> None:
    connection.execute(insert(_FAILURES).values(principal=principal, at_ms=now_ms))


def forget_failures(connection: Connection, principal: str) -> None:
    connection.execute(delete(_FAILURES).where(_FAILURES.c.principal == principal))


def failures(connection: Connection, principal: str, *, since_ms: int) -> tuple[int, int]:
    """How many in a row since then, and when the last one was."""
    statement = select(func.count(), func.max(_FAILURES.c.at_ms)).where(
        _FAILURES.c.principal == principal, _FAILURES.c.at_ms > since_ms
    )
    count, latest = connection.execute(statement).one()
    return count, latest or 0


# --- approvals -----------------------------------------------------------------------------------------------------------------------


def approvals(connection: Connection, user_id: str, client_id: str | None = None) -> tuple[Approval, ...]:
    statement = select(_APPROVALS).where(_APPROVALS.c.user_id == user_id)
    if client_id is not None:
        statement = statement.where(_APPROVALS.c.client_id == client_id)
    ordered = statement.order_by(_APPROVALS.c.client_id, _APPROVALS.c.scope)
    return tuple(Approval(*row) for row in connection.execute(ordered))


def decide(connection: Connection, decisions: Iterable[Approval]) -> None:
    """Store decisions over earlier ones for the same user, client and scope."""
    for decision in decisions:
        place = (
            (_APPROVALS.c.user_id == decision.user_id)
            & (_APPROVALS.c.client_id == decision.client_id)
            & (_APPROVALS.c.scope == decision.scope)
        )
        connection.execute(delete(_APPROVALS).where(place))
        connection.execute(insert(_APPROVALS).values(**asdict(decision)))


def forget_approvals(connection: Connection, *, user_id: str, client_id: str | None = None) -> None:
    statement = delete(_APPROVALS).where(_APPROVALS.c.user_id == user_id)
    if client_id is not None:
        statement = statement.where(_APPROVALS.c.client_id == client_id)
    connection.execute(statement)


# --- housekeeping --------------------------------------------------------------------------------------------------------------------


def sweep(connection: Connection, *, now_ms: int, failures_before_ms: int) -> int:
    """Throw away what has expired; how many rows that were."""
    swept = sum(
        connection.execute(delete(table).where(table.c.expires_ms <= now_ms)).rowcount
        for table in (_TOKENS, _CODES, _SESSIONS, _APPROVALS)
    )
    return swept + connection.execute(delete(_FAILURES).where(_FAILURES.c.at_ms <= failures_before_ms)).rowcount
