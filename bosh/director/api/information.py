"""About the director itself: /info, /locks, /resurrection, /director, /api_metrics, /jobs, /networks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Any

from starlette.responses import Response

from bosh.director.api.app import Endpoint, endpoint
from bosh.director.api.calls import Answer, Call, empty, json_reply
from bosh.director.api.enqueue import enqueue
from bosh.state import records
from bosh.wire.director_api import times

REVISION = "00000000"
"""The original puts its git revision here; clients print it."""

_RESURRECTION_PAUSED = "resurrection_paused"

# Expired locks are shown for a while: their holder may be about to renew them (bosh: locks_controller.rb).
_FORGET_LOCKS_AFTER = timedelta(seconds=60)


# On a VM that was made of a stemcell (bosh: director_stemcell_owner.rb).
_VCAP_ETC, _OS_RELEASE = Path("/var/vcap/bosh/etc"), Path("/etc/os-release")


def stemcell(etc: Path, os_release: Path) -> dict[str, str | None]:
    """What the director itself runs on: ``stemcell_os`` and ``stemcell_version``; nothing when it is no stemcell's VM."""
    try:
        number = (etc / "stemcell_version").read_text().strip()
        facts = dict(line.split("=", 1) for line in os_release.read_text().splitlines() if "=" in line)
        system = (etc / "operating_system").read_text().strip().lower()
    except OSError:
        return {"stemcell_os": None, "stemcell_version": None}
    codename = facts.get("VERSION_CODENAME", "").strip('"')
    return {"stemcell_os": f"{system}-{codename}" if codename else system, "stemcell_version": number}


def version() -> str:
    """``X (rev)``."""
    return f"{metadata.version('bosh')} ({REVISION})"


def info(call: Call) -> Response:
    config = call.desk.config
    return json_reply(
        {
            "name": config.name,
            "uuid": call.desk.uuid,
            "version": version(),
            "user": call.user.name or None,
            "cpi": config.cpi.exec_path.rpartition("/")[2],
            **stemcell(_VCAP_ETC, _OS_RELEASE),
            "user_authentication": {"type": "basic", "options": {}},
            "features": {
                "local_dns": {"status": True, "extras": {"domain_name": config.dns_domain}},
                "snapshots": {"status": config.enable_snapshots},
                "config_server": {"status": False, "extras": {"urls": []}},
            },
        }
    )


def locks(call: Call) -> Response:
    oldest = call.desk.clock.now() - _FORGET_LOCKS_AFTER
    shown = []
    for lock in call.store.locks.list():
        _, kind, *resource = lock.name.split(":")
        if lock.expires_at > oldest:
            timeout = times.lock_timeout(lock.expires_at)
            shown.append({"type": kind, "resource": resource, "timeout": timeout, "task_id": lock.task_id})
    return json_reply(shown)


def is_resurrection_paused(call: Call) -> bool:
    attribute = call.store.attributes.get(name=_RESURRECTION_PAUSED)
    return attribute is not None and attribute.value == "true"


def resurrection(call: Call) -> Response:
    return json_reply({"resurrection": not is_resurrection_paused(call)})


async def set_resurrection(call: Call) -> Response:
    paused = (await call.json_object()).get("resurrection_paused")
    value = "true" if paused in {True, "true"} else "false"
    with call.store.transaction():
        if not call.store.attributes.update_where({"name": _RESURRECTION_PAUSED}, value=value):
            call.store.attributes.insert(records.DirectorAttribute(_RESURRECTION_PAUSED, value))
    return empty(200)


def certificate_expiry(call: Call) -> Response:
    """The certificates of the director's configuration; they have no files, so their keys in it stand for paths."""
    config = call.desk.config
    texts = {
        "tls.ca": config.tls.ca,
        "tls.certificate": config.tls.certificate,
        "nats.ca": config.nats.ca,
        "nats.client_ca": config.nats.client_ca.certificate,
        "nats.director": config.nats.director.certificate,
    }
    now = call.desk.clock.now()
    return json_reply([expiry_of(text, now) | {"certificate_path": name} for name, text in texts.items() if text])


def expiry_of(certificate: str, now: datetime) -> dict[str, Any]:
    """``expiry`` and ``days_left`` (rounded down) of a PEM certificate. Raises ValueError."""
    from cryptography import x509

    end = x509.load_pem_x509_certificate(certificate.encode()).not_valid_after_utc.astimezone(UTC)
    return {"expiry": times.iso(end), "days_left": (end - now) // timedelta(days=1)}


def jobs(call: Call) -> Response:
    name, release, fingerprint = call.query("name"), call.query("release_name"), call.query("fingerprint")
    if not (name and release and fingerprint):
        return empty(400)
    template = call.store.job_templates.get(name=name, release=release, fingerprint=fingerprint)
    if template is None:
        return empty(404)
    return json_reply([{"name": template.name, "fingerprint": template.fingerprint, "spec": template.spec}])


def networks(call: Call) -> Response:
    if call.query("orphaned") in {"", "false"}:
        raise Answer(500, "listing active networks is not implemented")
    # Networks are never made by the director here (``managed: true`` is refused), so none is orphaned.
    return json_reply([])


def delete_network(call: Call) -> Response:
    return enqueue(call, "delete_orphan_networks", "delete orphan networks", {"networks": [call.path("name")]})


class RequestCounts:
    """How many requests were answered with which status."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, int], int] = {}

    def count(self, method: str, status: int) -> None:
        self._counts[method, status] = self._counts.get((method, status), 0) + 1

    def reply(self, _call: Call) -> Response:
        lines = ["# TYPE http_server_requests_total counter"]
        for (method, status), count in sorted(self._counts.items()):
            lines.append(f'http_server_requests_total{{code="{status}",method="{method.lower()}"}} {count}')
        return Response("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")


def endpoints(counts: RequestCounts) -> list[Endpoint]:
    return [
        endpoint("GET", "/info", info, "", is_open=True),
        endpoint("GET", "/locks", locks, "read"),
        endpoint("GET", "/resurrection", resurrection),
        endpoint("PUT", "/resurrection", set_resurrection, consumes=("application/json",)),
        endpoint("GET", "/director/certificate_expiry", certificate_expiry, "read"),
        endpoint("GET", "/jobs", jobs, "read"),
        endpoint("GET", "/networks", networks),
        endpoint("DELETE", "/networks/{name}", delete_network),
        endpoint("GET", "/api_metrics", counts.reply, "read"),
    ]
