"""Counters for Prometheus: requests, and what happened to whom."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "uaa_requests_total", "Requests answered", ["method", "path", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "uaa_request_seconds", "Time to answer", ["path"], buckets=_BUCKETS_S, registry=self._registry
        )
        self._events = Counter("uaa_events_total", "Events of the audit log", ["event"], registry=self._registry)

    def request(self, method: str, path: str, status: int, seconds: float) -> None:
        """``path`` is a route, never an address as it came: those would be without number."""
        self._requests.labels(method, path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def event(self, name: str) -> None:
        self._events.labels(name).inc()

    def text(self) -> bytes:
        return generate_latest(self._registry)


def application(metrics: Metrics) -> ASGIApp:
    """Serves ``/metrics``."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        found = scope["path"] == "/metrics"
        response = Response(metrics.text() if found else b"", 200 if found else 404, media_type=CONTENT_TYPE_LATEST)
        await response(scope, receive, send)

    return app
