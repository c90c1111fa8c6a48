"""App tasks and staging as tasks (cloud_controller_ng: diego/task_recipe_builder.rb and the lifecycles' action builders)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

import msgspec
import xxhash
from cf_wire.bbs.actions_pb2 import (
    Action,
    DownloadAction,
    EmitProgressAction,
    ResourceLimits,
    RunAction,
    TimeoutAction,
    TryAction,
    UploadAction,
)
from cf_wire.bbs.containers_pb2 import CachedDependency
from cf_wire.bbs.task_pb2 import TaskDefinition

from cloud_controller.config import Config
from cloud_controller.diego import environment, lrp, recipe
from cloud_controller.diego.facts import AppFacts, TaskFacts
from cloud_controller.state.store import Record

RESULT_FILE: Final = "/tmp/result.json"
STAGING_CPU_WEIGHT: Final = 50
CUSTOM: Final = "custom"


@dataclass(frozen=True)
class Buildpack:
    """A buildpack for a builder: ``key`` names its folder or is its address; ``custom`` ones have no file of ours."""

    name: str
    key: str
    url: str
    sha256: str | None = None


@dataclass(frozen=True)
class StagingFacts:
    """A build and all that its task is made of."""

    about: AppFacts
    build: Record
    package: Record
    registry_password: str | None
    rootfs: str
    buildpacks: list[Buildpack] = field(default_factory=list)
    skip_detect: bool = False
    package_url: str = ""
    cache_url: str = ""
    droplet_upload_url: str = ""
    cache_upload_url: str = ""
    callback_url: str = ""


def app_task(facts: TaskFacts, config: Config, droplet_url: str, callback_url: str) -> TaskDefinition:
    """A task of an app."""
    task, about = facts.task, facts.about
    values = _task_environment(facts, config)
    definition = TaskDefinition(
        root_fs=facts.rootfs,
        environment_variables=environment.variables(values),
        disk_mb=task["disk_in_mb"],
        memory_mb=task["memory_in_mb"],
        cpu_weight=recipe.cpu_weight(task["memory_in_mb"]),
        log_rate_limit=recipe.log_rate(task["log_rate_limit"]),
        privileged=config.diego.privileged_running,
        log_source="APP/TASK",
        log_guid=about.app["guid"],
        metric_tags=recipe.tags(about, config),
        completion_callback_url=callback_url,
        egress_rules=recipe.egress(about.egress_groups),
        cached_dependencies=[recipe.lifecycle(config, facts.droplet["lifecycle_type"], facts.droplet["stack"])],
        image_username=facts.droplet["registry_username"] or "",
        image_password=facts.registry_password or "",
        volume_mounted_files=recipe.service_files(about),
        **_common(about, config, "task"),
    )
    definition.action.CopyFrom(_task_action(facts, values, droplet_url))
    return definition


def _common(about: AppFacts, config: Config, workload: str) -> Record:
    return {
        "legacy_download_user": recipe.RUN_USER,
        "trusted_system_certificates_path": recipe.SYSTEM_CERTIFICATES,
        "network": recipe.network(about, [], workload),
        "placement_tags": [about.isolation_segment] if about.isolation_segment else [],
        "max_pids": config.diego.pid_limit,
        "certificate_properties": recipe.certificate(about),
    }


def _task_environment(facts: TaskFacts, config: Config) -> Record:
    limits = {
        "fds": config.defaults.file_descriptors,
        "mem": facts.task["memory_in_mb"],
        "disk": config.defaults.disk_in_mb,
    }
    told = environment.vcap_application(facts.about, config.url, limits, version=facts.version)
    own: Record = {"VCAP_APPLICATION": told, "MEMORY_LIMIT": f"{facts.task['memory_in_mb']}m"}
    if facts.droplet["lifecycle_type"] != "docker":
        own["LANG"] = environment.LANG
    return environment.merged(facts.about, own)


def _task_action(facts: TaskFacts, values: Record, droplet_url: str) -> Action:
    task, droplet = facts.task, facts.droplet
    run = RunAction(
        path=recipe.LAUNCHER,
        args=["app", task["command"], droplet["execution_metadata"] or ""],
        user=task["user"] or lrp.image_user(droplet) or recipe.RUN_USER,
        env=environment.variables(values),
        log_source=f"APP/TASK/{task['name']}",
        resource_limits=ResourceLimits(),
    )
    if droplet["lifecycle_type"] == "docker":
        return recipe.action(run)
    download = DownloadAction(
        **{"from": droplet_url},
        to=".",
        user=recipe.RUN_USER,
        checksum_algorithm="sha256",
        checksum_value=droplet["sha256"] or "",
    )
    return recipe.action(recipe.serial(download, run))


def staging(facts: StagingFacts, config: Config) -> TaskDefinition:
    """The task that makes a droplet of a package."""
    build, about = facts.build, facts.about
    docker = build["lifecycle_type"] == "docker"
    definition = TaskDefinition(
        root_fs=facts.rootfs,
        environment_variables=[] if docker else environment.variables({"LANG": environment.LANG}),
        disk_mb=build["staging_disk_in_mb"],
        memory_mb=build["staging_memory_in_mb"],
        cpu_weight=STAGING_CPU_WEIGHT,
        log_rate_limit=recipe.log_rate(build["staging_log_rate_limit"]),
        privileged=config.diego.privileged_staging,
        log_source="STG",
        log_guid=about.app["guid"],
        metric_tags=recipe.tags(about, config),
        result_file=RESULT_FILE,
        completion_callback_url=facts.callback_url,
        annotation=msgspec.json.encode(
            {"lifecycle": build["lifecycle_type"], "completion_callback": facts.callback_url}
        ).decode(),
        egress_rules=recipe.egress(about.egress_groups),
        cached_dependencies=[recipe.lifecycle(config, build["lifecycle_type"], build["stack"]), *_installed(facts)],
        image_username=facts.package["username"] or "",
        image_password=facts.registry_password or "",
        **_common(about, config, "staging"),
    )
    work = _docker_builder(facts, config) if docker else _builder(facts, config)
    timeout = TimeoutAction(action=recipe.action(work), timeout_ms=config.staging.timeout_seconds * 1000)
    definition.action.CopyFrom(recipe.action(timeout))
    return definition


def buildpack_folder(key: str) -> str:
    """Where a builder looks for an installed buildpack (buildpackapplifecycle: builder config)."""
    return f"/tmp/buildpacks/{xxhash.xxh64(key.encode()).hexdigest()}"


def _installed(facts: StagingFacts) -> list[CachedDependency]:
    found = []
    for buildpack in facts.buildpacks:
        if buildpack.name == CUSTOM:
            continue
        found.append(
            CachedDependency(
                **{"from": buildpack.url},
                name=buildpack.name,
                to=buildpack_folder(buildpack.key),
                cache_key=buildpack.key,
                checksum_algorithm="sha256" if buildpack.sha256 else "",
                checksum_value=buildpack.sha256 or "",
            )
        )
    return found


def _staging_environment(facts: StagingFacts, config: Config) -> Record:
    build = facts.build
    limits = {
        "fds": config.staging.file_descriptors,
        "mem": build["staging_memory_in_mb"],
        "disk": build["staging_disk_in_mb"],
    }
    told = environment.vcap_application(facts.about, config.url, limits)
    own = {"VCAP_APPLICATION": told, "MEMORY_LIMIT": f"{build['staging_memory_in_mb']}m"}
    if build["stack"]:
        own["CF_STACK"] = build["stack"]
    return environment.merged(facts.about, own)


def _builder(facts: StagingFacts, config: Config) -> recipe.AnyAction:
    run = RunAction(
        path="/tmp/lifecycle/builder",
        args=[
            f"-buildpackOrder={','.join(buildpack.key for buildpack in facts.buildpacks)}",
            "-skipCertVerify=false",
            f"-skipDetect={str(facts.skip_detect).lower()}",
            "-buildDir=/tmp/app",
            "-outputDroplet=/tmp/droplet",
            f"-outputMetadata={RESULT_FILE}",
            "-outputBuildArtifactsCache=/tmp/output-cache",
            "-buildpacksDir=/tmp/buildpacks",
            "-buildArtifactsCacheDir=/tmp/cache",
        ],
        user=recipe.RUN_USER,
        env=environment.variables(_staging_environment(facts, config)),
        resource_limits=ResourceLimits(nofile=config.staging.file_descriptors),
    )
    uploads = EmitProgressAction(
        action=recipe.action(recipe.parallel(*_uploads(facts, config))),
        start_message="Uploading droplet, build artifacts cache...",
        success_message="Uploading complete",
        failure_message_prefix="Uploading failed",
    )
    return recipe.serial(recipe.parallel(*_downloads(facts)), run, uploads)


def _downloads(facts: StagingFacts) -> list[recipe.AnyAction]:
    bits = DownloadAction(
        **{"from": facts.package_url},
        artifact="app package",
        to="/tmp/app",
        user=recipe.RUN_USER,
        checksum_algorithm="sha256",
        checksum_value=facts.package["sha256"] or "",
    )
    checksum = facts.about.app["buildpack_cache_sha256"]
    if not (facts.cache_url and checksum):
        return [bits]
    cache = DownloadAction(
        **{"from": facts.cache_url},
        artifact="build artifacts cache",
        to="/tmp/cache",
        user=recipe.RUN_USER,
        checksum_algorithm="sha256",
        checksum_value=checksum,
    )
    return [bits, TryAction(action=recipe.action(cache))]


def _uploads(facts: StagingFacts, config: Config) -> list[UploadAction]:
    guid = facts.build["guid"]
    droplet = _upload_url(config, f"droplet/{guid}", "cc-droplet-upload-uri", facts.droplet_upload_url)
    cache = _upload_url(config, f"build_artifacts/{guid}", "cc-build-artifacts-upload-uri", facts.cache_upload_url)
    return [
        UploadAction(**{"from": "/tmp/droplet"}, artifact="droplet", to=droplet, user=recipe.RUN_USER),
        UploadAction(**{"from": "/tmp/output-cache"}, artifact="build artifacts cache", to=cache, user=recipe.RUN_USER),
    ]


def _upload_url(config: Config, path: str, parameter: str, target: str) -> str:
    if not config.diego.cc_uploader_url:
        return target
    query = urlencode({parameter: target, "timeout": config.staging.timeout_seconds})
    return f"{config.diego.cc_uploader_url}/v1/{path}?{query}"


def _docker_builder(facts: StagingFacts, config: Config) -> recipe.AnyAction:
    args = [f"-outputMetadataJSONFilename={RESULT_FILE}", f"-dockerRef={facts.package['image']}"]
    if config.diego.insecure_docker_registries:
        args.append(f"-insecureDockerRegistries={','.join(config.diego.insecure_docker_registries)}")
    if facts.package["username"]:
        args += [f"-dockerUser={facts.package['username']}", f"-dockerPassword={facts.registry_password or ''}"]
    run = RunAction(
        path="/tmp/lifecycle/builder",
        args=args,
        user=recipe.RUN_USER,
        env=environment.variables(_staging_environment(facts, config)),
        resource_limits=ResourceLimits(nofile=config.staging.file_descriptors),
    )
    return EmitProgressAction(
        action=recipe.action(run),
        start_message="Staging...",
        success_message="Staging Complete",
        failure_message_prefix="Staging Failed",
    )
