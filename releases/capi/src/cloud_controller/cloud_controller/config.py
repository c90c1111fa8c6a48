"""The configuration file (YAML or JSON), with its defaults (cloud_controller_ng job spec)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import yaml

SYSTEM_HOSTNAMES = ("api", "uaa", "login", "doppler", "loggregator", "log-cache", "log-stream", "credhub", "ssh")


class TlsConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Files with our certificate and key, and the authorities whose certificates we accept; PEM."""

    certificate: str
    private_key: str
    ca: str


class ListenConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where we listen: the public API (behind the router) and the API for other components (mutual TLS)."""

    address: str = "0.0.0.0"
    port: int = 9022
    tls_port: int = 9024
    tls: TlsConfig | None = None
    internal_port: int = 9023
    internal_tls: TlsConfig | None = None
    internal_hostname: str = "cloud-controller-ng.service.cf.internal"


class UaaConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How clients and we reach UAA."""

    url: str
    login_url: str
    internal_url: str
    ca: str | None = None
    issuers: list[str] = []
    lookup_client: str = "cloud_controller_username_lookup"
    lookup_secret: str = ""


class DiegoConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How we reach the BBS and what the cells need to know."""

    bbs_url: str = "https://bbs.service.cf.internal:8889"
    tls: TlsConfig | None = None
    file_server_url: str = "http://file-server.service.cf.internal:8080"
    # "buildpack/<stack>", "docker", "cnb/<stack>" to a path below /v1/static or a whole URL.
    lifecycle_bundles: dict[str, str] = {}
    # Empty: cells upload to us straight.
    cc_uploader_url: str = ""
    pid_limit: int = 1024
    privileged_running: bool = False
    privileged_staging: bool = False
    insecure_docker_registries: list[str] = []
    sync_interval_seconds: int = 30


class StagingConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of staging."""

    timeout_seconds: int = 900
    minimum_memory_in_mb: int = 1024
    minimum_disk_in_mb: int = 4096
    file_descriptors: int = 16384
    log_rate_limit: int = -1


class BlobstoreConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where blobs are: a directory, or a bucket of an S3 service."""

    directory: str = ""
    s3_bucket: str = ""
    s3_endpoint: str = ""
    s3_region: str = "us-east-1"
    s3_access_key: str = ""
    s3_secret_key: str = ""
    signing_secret: str
    # How cells reach our signed URLs; empty: the internal host name and the TLS port.
    base_url: str = ""
    link_lifetime_seconds: int = 3600
    max_upload_bytes: int = 1 << 30
    resource_minimum_bytes: int = 65536
    resource_maximum_bytes: int = 536870912


class DefaultsConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What apps get when they do not say."""

    memory_in_mb: int = 1024
    disk_in_mb: int = 1024
    maximum_disk_in_mb: int = 2048
    log_rate_limit: int = -1
    health_check_timeout: int = 60
    maximum_health_check_timeout: int = 180
    file_descriptors: int = 16384
    stack: str = "cflinuxfs4"
    enable_ssh: bool = True


class StackSeed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stack that exists from the start."""

    name: str
    description: str = ""
    build_rootfs_image: str = ""
    run_rootfs_image: str = ""


class BuildpackSeed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A buildpack installed (or brought up to date) at start from a file; a glob pattern may name it."""

    name: str
    file: str
    stack: str | None = None
    lifecycle: str = "buildpack"


class SecurityGroupSeed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A security group that exists from the start."""

    name: str
    rules: list[dict[str, Any]]


def _default_stacks() -> list[StackSeed]:
    return [StackSeed(name="cflinuxfs4", description="Cloud Foundry Linux-based filesystem")]


class SeedConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What exists from the start."""

    stacks: list[StackSeed] = msgspec.field(default_factory=_default_stacks)
    buildpacks: list[BuildpackSeed] = []
    security_groups: list[SecurityGroupSeed] = []
    running_security_groups: list[str] = []
    staging_security_groups: list[str] = []
    # Domains apps may use; the first is the default.
    shared_domains: list[str] = []
    internal_domains: list[str] = msgspec.field(default_factory=lambda: ["apps.internal"])
    tcp_domains: dict[str, str] = {}
    feature_flags: dict[str, bool] = {}
    default_quota_memory_in_mb: int = 10240
    default_quota_routes: int = 1000
    default_quota_services: int = 100


class RetentionConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long and how much of the past is kept."""

    packages_per_app: int = 5
    droplets_per_app: int = 5
    revisions_per_app: int = 100
    builds_per_app: int = 100
    deployments_per_app: int = 100
    audit_events_days: int = 31
    usage_events_days: int = 31
    completed_tasks_days: int = 31
    jobs_days: int = 2


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole configuration."""

    external_domain: str
    external_protocol: str = "https"
    system_domain: str = ""
    # Host names on the system domain that no app may take.
    system_hostnames: list[str] = msgspec.field(default_factory=lambda: list(SYSTEM_HOSTNAMES))
    database_url: str
    database_keys: list[str]
    listen: ListenConfig = ListenConfig()
    uaa: UaaConfig
    diego: DiegoConfig = DiegoConfig()
    staging: StagingConfig = StagingConfig()
    blobstore: BlobstoreConfig
    defaults: DefaultsConfig = DefaultsConfig()
    seed: SeedConfig = SeedConfig()
    retention: RetentionConfig = RetentionConfig()
    log_cache_url: str = ""
    log_cache_internal_address: str = ""
    log_cache_tls: TlsConfig | None = None
    log_stream_url: str = ""
    logging_url: str = ""
    routing_api_url: str = ""
    network_policy_url: str = ""
    ssh_address: str = ""
    ssh_host_key_fingerprint: str = ""
    ssh_oauth_client: str = "ssh-proxy"
    name: str = "Cloud Foundry"
    build: str = ""
    description: str = ""
    version: int = 0
    support_url: str = ""
    minimum_cli_version: str = ""
    recommended_cli_version: str = ""
    custom: dict[str, Any] = {}
    allow_app_ssh_access: bool = True
    custom_metric_tag_prefixes: list[str] = msgspec.field(default_factory=lambda: ["metric.tag.cloudfoundry.org"])
    deployment_poll_seconds: float = 5.0
    job_workers: int = 2

    @property
    def url(self) -> str:
        """The API as clients see it."""
        return f"{self.external_protocol}://{self.external_domain}"

    @property
    def internal_url(self) -> str:
        """The API as other components see it."""
        scheme = "https" if self.listen.internal_tls else "http"
        return f"{scheme}://{self.listen.internal_hostname}:{self.listen.internal_port}"

    @property
    def blob_url(self) -> str:
        """Where signed URLs begin."""
        if self.blobstore.base_url:
            return self.blobstore.base_url
        scheme, port = ("https", self.listen.tls_port) if self.listen.tls else ("http", self.listen.port)
        return f"{scheme}://{self.listen.internal_hostname}:{port}"


class BadConfig(Exception):
    """A configuration file that cannot be used."""


def load(path: Path) -> Config:
    """Read the configuration.

    Raises:
        BadConfig: not readable, or not what :class:`Config` describes.
    """
    try:
        return msgspec.convert(yaml.safe_load(path.read_text()), Config)
    except (OSError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise BadConfig(f"cannot use the configuration {path}: {error}") from error
