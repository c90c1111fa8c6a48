"""Settings from a cloud's metadata service (bosh-agent: infrastructure/http_metadata_service.go)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from bosh.agent.blobs import http
from bosh.agent.sources.file import parse_object

TOKEN_TTL_S = 300


class HttpSource:
    """``URI`` + ``UserDataPath`` answers the settings; with ``TokenPath`` a session token is asked for first (EC2's IMDSv2)."""

    def __init__(self, option: Mapping[str, Any]) -> None:
        self._base = str(option.get("URI") or "http://169.254.169.254").rstrip("/")
        self._path = str(option.get("UserDataPath") or option.get("SettingsPath") or "/latest/user-data")
        self._token_path = str(option.get("TokenPath") or "")
        self._headers = {str(name): str(value) for name, value in (option.get("Headers") or {}).items()}

    async def read(self) -> Mapping[str, Any]:
        """Raises BoshError when the service does not answer with a JSON object."""
        headers = dict(self._headers)
        if self._token_path:
            headers["X-aws-ec2-metadata-token"] = await self._token()
        content = await asyncio.to_thread(http.fetch, "GET", self._base + self._path, headers)
        return parse_object(content, self._base + self._path)

    async def _token(self) -> str:
        asking = {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_TTL_S)}
        return (await asyncio.to_thread(http.fetch, "PUT", self._base + self._token_path, asking)).decode()
