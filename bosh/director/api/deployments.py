"""/deployments: what is deployed, and asking for change (bosh: deployments_controller.rb)."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from starlette.responses import Response

from bosh.director import config_sets
from bosh.director.api.app import Endpoint, endpoint
from bosh.director.api.calls import Call, json_reply, yaml_object
from bosh.director.api.differences import compare
from bosh.director.api.enqueue import enqueue
from bosh.director.api.information import expiry_of
from bosh.director.api.instances import find
from bosh.state import records
from bosh.state.contract import Conflict
from bosh.wire.director_api import times
from bosh.wire.errors import BoshError, ValidationInvalidValue, ValidationMissingField

_YAML = ("text/yaml", "application/x-yaml")
_STATES = ("started", "stopped", "detached", "restart", "recreate")


class DeploymentInvalidConfigReference(BoshError):
    code = 190025


class InstanceGroupInvalidState(BoshError):
    code = 140008


# --- what is deployed


def listed(call: Call) -> Response:
    locks = {lock.name for lock in call.store.locks.list()} if not call.flag("exclude_lock") else set()
    configs = call.store.configs.list(type="cloud") if not call.flag("exclude_configs") else []
    deployments = sorted(call.store.deployments.list(), key=lambda each: each.name)
    return json_reply([_row(call, each, configs, locks) for each in deployments if call.may("read", each.teams)])


def _row(call: Call, deployment: records.Deployment, configs: Any, locks: set[str]) -> dict[str, Any]:
    row: dict[str, Any] = {"name": deployment.name, "teams": list(deployment.teams)}
    if not call.flag("exclude_configs"):
        row["cloud_config"] = cloud_config_state(deployment, configs)
    if not call.flag("exclude_stemcells"):
        row["stemcells"] = [{"name": each["name"], "version": each["version"]} for each in deployment.stemcells]
    if not call.flag("exclude_releases"):
        used = [{"name": each["name"], "version": str(each["version"])} for each in deployment.releases]
        row["releases"] = sorted(used, key=lambda each: (each["name"], each["version"]))
    if not call.flag("exclude_lock"):
        row["locked"] = f"lock:deployment:{deployment.name}" in locks
    return row


def cloud_config_state(deployment: records.Deployment, configs: Any) -> str:
    """``none``, ``latest`` or ``outdated``."""
    cloud_ids = {config.id for config in configs}
    used = sorted(each for each in deployment.config_ids if each in cloud_ids)
    visible = [config for config in configs if not config.team or config.team in deployment.teams]
    latest = sorted(config.id for config in config_sets.newest(visible) if not config.deleted)
    if not used:
        return "none"
    return "latest" if used == latest else "outdated"


def one(call: Call) -> Response:
    return json_reply({"manifest": call.deployment("read").manifest or None})


def variables(call: Call) -> Response:
    deployment = call.deployment("admin")
    uses = call.store.variable_uses.list(deployment=deployment.name)
    return json_reply(
        [{"id": value, "name": name} for value, name in dict.fromkeys((str(u.value_id), u.name) for u in uses)]
    )


def certificates(call: Call) -> Response:
    """Expiry of every certificate that the deployment's variables hold."""
    deployment, now = call.deployment("read"), call.desk.clock.now()
    uses = call.store.variable_uses.list(deployment=deployment.name, set_id=deployment.variable_set)
    values = {each.id: each.value for each in call.store.variable_values.list(id=[use.value_id for use in uses])}
    rows = []
    for use in uses:
        value = values.get(use.value_id)
        if isinstance(value, dict) and "certificate" in value:
            try:
                end = expiry_of(value["certificate"], now)
            except ValueError:
                # Operators may have stored something else under this name; it has no expiry to tell.
                continue
            # The original writes ``expiry_date``; its CLI and documentation say ``expiry``.
            rows.append({"name": use.name, "id": str(use.value_id), "expiry_date": end["expiry"]} | end)
    return json_reply(rows)


def configs_of(call: Call) -> Response:
    """GET /deployment_configs?deployment[]=D"""
    names = call.request.query_params.getlist("deployment[]") or call.request.query_params.getlist("deployment")
    rows = []
    for deployment in call.store.deployments.list(name=names):
        if not call.may("read", deployment.teams):
            continue
        for config in call.store.configs.list(id=list(deployment.config_ids)):
            summary = {"id": config.id, "type": config.type, "name": config.name}
            rows.append({"id": deployment.id, "deployment": deployment.name, "config": summary})
    return json_reply(rows)


def deployed_variable(call: Call) -> Response:
    """Which deployments use a variable, and which version of it."""
    rows = []
    for use in call.store.variable_uses.list(name=call.path("name")):
        deployment = call.store.deployments.get(name=use.deployment)
        if deployment and use.set_id == deployment.variable_set and call.may("read", deployment.teams):
            rows.append({"name": deployment.name, "version": str(use.value_id)})
    return json_reply({"deployments": sorted(rows, key=lambda row: row["name"])})


# --- asking for change


def _created_before(call: Call, *, recreates: bool, hint: str) -> str:
    text = call.query("recreate_vms_created_before")
    if not text:
        return ""
    if not recreates:
        raise ValidationInvalidValue(f"Must pass {hint} when specifying recreate_vms_created_before")
    try:
        times.parse_rfc3339(text)
    except ValueError as error:
        raise ValidationInvalidValue(f"Invalid RFC 3339 timestamp for recreate_vms_created_before: {text}") from error
    return text


def _arguments(call: Call, manifest: str, context: dict[str, list[int]]) -> dict[str, Any]:
    """What every ``update_deployment`` task finds, with the defaults of what was not asked for."""
    return {
        "manifest": manifest,
        "recreate": False,
        "recreate_persistent_disks": False,
        "recreate_vms_created_before": "",
        "skip_drain": "",
        "fix": call.flag("fix"),
        "dry_run": call.flag("dry_run"),
        "canaries": call.query("canaries"),
        "max_in_flight": call.query("max_in_flight"),
        "force_latest_variables": False,
        "context": context,
        "deploy": False,
        "new": False,
        "job_states": {},
    }


def _latest_context(call: Call, teams: list[str]) -> dict[str, list[int]]:
    return {
        f"{kind}_config_ids": [config.id for config in config_sets.for_teams(call.store, kind, teams)]
        for kind in ("cloud", "runtime")
    }


def _given_context(call: Call, text: str, teams: list[str]) -> dict[str, list[int]]:
    """The configs that the operator saw in the diff."""
    try:
        given = msgspec.json.decode(text)
        context = {
            key: [int(each) for each in given.get(key) or []] for key in ("cloud_config_ids", "runtime_config_ids")
        }
    except (msgspec.DecodeError, AttributeError, TypeError, ValueError) as error:
        raise ValidationInvalidValue(f"cannot read the context: {text!r:.200}") from error
    wanted = {each for ids in context.values() for each in ids}
    visible = {config.id for config in call.store.configs.list(id=list(wanted), team=["", *teams])}
    if wanted - visible:
        raise DeploymentInvalidConfigReference("Context includes invalid config ID")
    return context


async def deploy(call: Call) -> Response:
    text = await call.text()
    manifest = await asyncio.to_thread(yaml_object, text)
    name = manifest.get("name")
    if not name:
        raise ValidationMissingField("Deployment manifest must have a 'name' key")
    name = str(name)
    before = _created_before(call, recreates=call.flag("recreate"), hint="recreate=true")
    deployment = call.store.deployments.get(name=name)
    if deployment is not None:
        call.demand_for("admin", deployment.teams)
    teams = list(deployment.teams) if deployment is not None else call.teams
    given = call.query("context")
    context = _given_context(call, given, teams) if given else _latest_context(call, teams)
    arguments = _arguments(call, text, context) | {
        "recreate": call.flag("recreate"),
        "recreate_persistent_disks": call.flag("recreate_persistent_disks"),
        "recreate_vms_created_before": before,
        "skip_drain": call.query("skip_drain"),
        "force_latest_variables": call.flag("force_latest_variables"),
        "deploy": True,
        "new": deployment is None,
    }
    if deployment is None:
        _create(call, name, teams)
    return enqueue(call, "update_deployment", "create deployment", arguments, deployment=name)


def _create(call: Call, name: str, teams: list[str]) -> None:
    try:
        call.store.deployments.insert(records.Deployment(name, teams=teams))
    except Conflict:
        # Somebody deployed the same name at the same moment; the lock decides who comes first.
        return


async def change_state(call: Call) -> Response:
    """PUT …/jobs/J and …/jobs/J/I: start, stop, restart, recreate, by converging the deployment."""
    deployment, group = call.deployment("admin"), call.path("group")
    state, instance = call.query("state"), call.request.path_params.get("instance", "*")
    if instance != "*":
        # Also says which instances do not exist.
        instance = find(call, deployment, group, instance).uuid
    if state and state not in _STATES:
        raise InstanceGroupInvalidState(
            f"Invalid state '{state}' of instance group '{group}'", details=f"known: {', '.join(_STATES)}"
        )
    body = await call.text()
    if body:
        manifest = await asyncio.to_thread(_renamed, body, deployment.name)
        context = _latest_context(call, list(deployment.teams))
    else:
        manifest, context = deployment.manifest, _used_context(call, deployment)
    arguments = _arguments(call, manifest, context) | {
        "recreate_vms_created_before": _created_before(call, recreates=state == "recreate", hint="state=recreate"),
        "skip_drain": group if call.flag("skip_drain") else "",
        "job_states": {group: {instance: state}} if state else {},
    }
    return enqueue(call, "update_deployment", "create deployment", arguments, deployment=deployment.name)


def _renamed(text: str, name: str) -> str:
    """The manifest with the deployment's own name, which the path has decided."""
    value = yaml_object(text)
    if value.get("name") == name:
        return text
    from bosh.manifest import documents

    return documents.dump(value | {"name": name})


def _used_context(call: Call, deployment: records.Deployment) -> dict[str, list[int]]:
    used = call.store.configs.list(id=list(deployment.config_ids))
    return {
        f"{kind}_config_ids": [config.id for config in used if config.type == kind] for kind in ("cloud", "runtime")
    }


def delete(call: Call) -> Response:
    deployment = call.deployment("admin")
    arguments = {"force": call.flag("force"), "keep_snapshots": call.flag("keep_snapshots")}
    name = deployment.name
    return enqueue(call, "delete_deployment", f"delete deployment {name}", arguments, deployment=name)


# --- diff


async def diff(call: Call) -> Response:
    """What a deploy would change in the manifest; the status is 200 even when that cannot be said."""
    name = call.path("deployment")
    deployment = call.store.deployments.get(name=name)
    if deployment is not None:
        call.demand_for("admin", deployment.teams)
    else:
        call.demand("create_deployment")
    teams = list(deployment.teams) if deployment is not None else call.teams
    text = await call.text()
    try:
        context = _latest_context(call, teams)
        old = await asyncio.to_thread(_whole, call, deployment)
        new = await asyncio.to_thread(_with_configs, call, yaml_object(text), context)
        if deployment is not None:
            new["name"] = deployment.name
        lines = await asyncio.to_thread(compare, old, new, redact=call.query("redact") != "false")
    except BoshError as error:
        return json_reply({"diff": [], "error": f"Unable to diff manifest: {error}"})
    return json_reply({"context": context, "diff": lines})


def _whole(call: Call, deployment: records.Deployment | None) -> dict[str, Any]:
    """The last deployed manifest with the configs it used."""
    if deployment is None or not deployment.manifest:
        return {}
    return _with_configs(call, yaml_object(deployment.manifest), _used_context(call, deployment))


def _with_configs(call: Call, manifest: dict[str, Any], context: dict[str, list[int]]) -> dict[str, Any]:
    """As the original shows a deployment: cloud configs' sections, the manifest's, and those of runtime configs (bosh: manifest/manifest.rb)."""
    whole: dict[str, Any] = {}
    for config in call.store.configs.list(id=context["cloud_config_ids"]):
        _merge(whole, yaml_object(config.content))
    whole |= manifest
    for config in call.store.configs.list(id=context["runtime_config_ids"]):
        _merge(whole, yaml_object(config.content))
    return whole


def _merge(whole: dict[str, Any], more: dict[str, Any]) -> None:
    for key, value in more.items():
        mine = whole.get(key)
        if isinstance(mine, list) and isinstance(value, list):
            whole[key] = mine + [each for each in value if each not in mine]
        elif isinstance(mine, dict) and isinstance(value, dict):
            whole[key] = mine | value
        else:
            whole[key] = value


_D = "/deployments/{deployment}"

ENDPOINTS: list[Endpoint] = [
    endpoint("GET", "/deployments", listed, "list_deployments"),
    endpoint("POST", "/deployments", deploy, "create_deployment", consumes=_YAML),
    endpoint("GET", _D, one, ""),
    endpoint("DELETE", _D, delete, ""),
    endpoint("POST", f"{_D}/diff", diff, "", consumes=_YAML),
    endpoint("PUT", f"{_D}/jobs/{{group}}", change_state, "", consumes=_YAML),
    endpoint("PUT", f"{_D}/jobs/{{group}}/{{instance}}", change_state, "", consumes=_YAML),
    endpoint("GET", f"{_D}/variables", variables, ""),
    endpoint("GET", f"{_D}/certificate_expiry", certificates, ""),
    endpoint("GET", "/deployment_configs", configs_of, "list_deployments"),
    endpoint("GET", "/deployed_variables/{name:path}", deployed_variable, "list_deployments"),
]
