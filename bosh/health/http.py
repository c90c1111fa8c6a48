"""The monitor's own endpoint (bosh-monitor: api_controller.rb): is it well, and how many agents are how well."""

from __future__ import annotations

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bosh.health.brain import Counts


def application(counts: Callable[[], Counts], healthy: Callable[[], bool]) -> Starlette:
    """``/healthz`` and one gauge a path, JSON ``{deployment: count}``."""

    async def healthz(request: Request) -> Response:
        return PlainTextResponse("", status_code=200 if healthy() else 500)

    def gauge(name: str) -> Route:
        async def endpoint(request: Request) -> Response:
            return JSONResponse(dict(getattr(counts(), name)))

        return Route(f"/{_PATHS[name]}", endpoint)

    return Starlette(routes=[Route("/healthz", healthz), *(gauge(name) for name in _PATHS)])


_PATHS = {
    "unresponsive": "unresponsive_agents",
    "unhealthy": "unhealthy_agents",
    "available": "total_available_agents",
    "failing": "failing_instances",
    "stopped": "stopped_instances",
    "unknown": "unknown_instances",
}
