"""/stemcells and /stemcell_uploads (bosh: stemcells_controller.rb, stemcell_uploads_controller.rb)."""

from __future__ import annotations

from starlette.responses import Response

from bosh.director.api.app import Endpoint, endpoint
from bosh.director.api.calls import Call, json_reply
from bosh.director.api.enqueue import enqueue
from bosh.director.api.uploads import BODY, receive
from bosh.director.cpi_names import cpi_names
from bosh.wire.errors import StemcellNotFound, ValidationMissingField


def listed(call: Call) -> Response:
    users: dict[tuple[str, str], list[dict[str, str]]] = {}
    for deployment in call.store.deployments.list():
        for used in deployment.stemcells:
            users.setdefault((used["name"], str(used["version"])), []).append({"name": deployment.name})
    return json_reply(
        [
            {
                "name": row.name,
                "operating_system": row.os,
                "version": row.version,
                "cid": row.cid,
                "cpi": row.cpi,
                "deployments": users.get((row.name, row.version), []),
                "api_version": row.api_version,
                "id": row.id,
            }
            for row in sorted(call.store.stemcells.list(), key=lambda row: row.name)
        ]
    )


async def upload_url(call: Call) -> Response:
    payload = await call.json_object()
    if not isinstance(payload.get("location"), str):
        raise ValidationMissingField("Missing 'location' field")
    return _enqueue(call, location=payload["location"], sha1=str(payload.get("sha1") or ""))


async def upload(call: Call) -> Response:
    return _enqueue(call, path=str(await receive(call)), sha1=call.query("sha1"))


def _enqueue(call: Call, *, path: str = "", location: str = "", sha1: str = "") -> Response:
    arguments = {"path": path, "location": location, "sha1": sha1, "fix": call.flag("fix")}
    return enqueue(call, "update_stemcell", "create stemcell", arguments)


def delete(call: Call) -> Response:
    name, version = call.path("name"), call.path("version")
    if not call.store.stemcells.count(name=name, version=version):
        raise StemcellNotFound(f"Stemcell '{name}/{version}' doesn't exist")
    arguments = {"name": name, "version": version, "force": call.flag("force")}
    return enqueue(call, "delete_stemcell", f"delete stemcell: {name}/{version}", arguments)


async def needed(call: Call) -> Response:
    """Whether any CPI has not been offered this stemcell."""
    stemcell = (await call.json_object()).get("stemcell")
    if not isinstance(stemcell, dict):
        raise ValidationMissingField("Missing 'stemcell' field")
    for key in ("name", "version"):
        if stemcell.get(key) is None:
            raise ValidationMissingField(f"Missing '{key}' field")
    rows = call.store.stemcell_uploads.list(name=str(stemcell["name"]), version=str(stemcell["version"]))
    offered = {row.cpi for row in rows}
    return json_reply({"needed": any(not offered & aliases for aliases in cpi_names(call.store).values())})


_JSON = ("application/json",)

ENDPOINTS: list[Endpoint] = [
    endpoint("GET", "/stemcells", listed, "read_stemcells"),
    endpoint("POST", "/stemcells", upload_url, "upload_stemcells", consumes=_JSON),
    endpoint("POST", "/stemcells", upload, "upload_stemcells", consumes=BODY),
    endpoint("DELETE", "/stemcells/{name}/{version}", delete),
    endpoint("POST", "/stemcell_uploads", needed, "read_stemcells"),
]
