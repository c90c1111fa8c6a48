"""Requests about domains, cells and the BBS itself. Sources: bbs handlers/{domain,cell,ping}_handler.go, db/sqldb/domain_db.go."""

from __future__ import annotations

from cf_wire.bbs import cells_pb2 as pb
from google.protobuf.message import Message

from .context import Context

SECOND = 1_000_000_000
FOR_EVER = 2**63 - 1


def ping(_context: Context, _request: Message | None) -> pb.PingResponse:
    """Say that requests are answered."""
    return pb.PingResponse(available=True)


def list_domains(context: Context, _request: Message | None) -> pb.DomainsResponse:
    """Return the domains that are fresh."""
    fresh = [name for name, until in context.tx.domains().items() if until > context.now]
    return pb.DomainsResponse(domains=sorted(fresh))


def upsert_domain(context: Context, request: pb.UpsertDomainRequest) -> pb.UpsertDomainResponse:
    """Keep a domain fresh for so many seconds, or for ever with 0."""
    until = context.now + request.ttl * SECOND if request.ttl else FOR_EVER
    context.tx.put_domain(request.domain, until)
    return pb.UpsertDomainResponse()


def list_cells(context: Context, _request: Message | None) -> pb.CellsResponse:
    """Return the cells that locket knows."""
    return pb.CellsResponse(cells=context.peers.cells())
