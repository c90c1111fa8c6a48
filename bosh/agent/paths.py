"""Where things lie on a VM (bosh-agent: settings/directories/directories_provider.go).

``base`` is ``/var/vcap`` on a VM; ``root`` is where ``/etc`` and ``/var/log`` are looked for, elsewhere than ``/`` only in tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Paths:
    base: Path
    root: Path = Path("/")

    @property
    def bosh(self) -> Path:
        return self.base / "bosh"

    @property
    def settings_json(self) -> Path:
        return self.bosh / "settings.json"

    @property
    def update_settings_json(self) -> Path:
        return self.bosh / "update_settings.json"

    @property
    def spec_json(self) -> Path:
        return self.bosh / "spec.json"

    @property
    def tasks_json(self) -> Path:
        return self.bosh / "tasks.json"

    @property
    def disk_hints_json(self) -> Path:
        return self.bosh / "persistent_disk_hints.json"

    @property
    def mounted_disk(self) -> Path:
        """Holds the bare id of the disk last mounted, in spite of its name."""
        return self.bosh / "managed_disk_settings.json"

    @property
    def agent_logs(self) -> Path:
        return self.bosh / "log"

    @property
    def data(self) -> Path:
        return self.base / "data"

    @property
    def temporary(self) -> Path:
        return self.data / "tmp"

    @property
    def compile(self) -> Path:
        return self.data / "compile"

    @property
    def blobs(self) -> Path:
        return self.data / "blobs"

    @property
    def sensitive_blobs(self) -> Path:
        return self.data / "sensitive_blobs"

    @property
    def dynamic_disks(self) -> Path:
        return self.data / "dynamic_disks"

    @property
    def jobs(self) -> Path:
        return self.base / "jobs"

    @property
    def logs(self) -> Path:
        return self.base / "sys" / "log"

    @property
    def store(self) -> Path:
        return self.base / "store"

    @property
    def store_migration_target(self) -> Path:
        return self.base / "store_migration_target"

    @property
    def monit(self) -> Path:
        return self.base / "monit"

    @property
    def monit_jobs(self) -> Path:
        return self.monit / "job"

    @property
    def instance(self) -> Path:
        return self.base / "instance"

    @property
    def health_json(self) -> Path:
        return self.instance / "health.json"

    @property
    def dns_records_json(self) -> Path:
        return self.instance / "dns" / "records.json"

    @property
    def disk_associations(self) -> Path:
        return self.instance / "disks"

    @property
    def ssh_homes(self) -> Path:
        return self.base / "bosh_ssh"

    @property
    def etc(self) -> Path:
        return self.root / "etc"

    @property
    def system_logs(self) -> Path:
        return self.root / "var" / "log"

    def job_bin(self, job: str) -> Path:
        return self.jobs / job / "bin"

    def job_logs(self, job: str) -> Path:
        return self.data / "sys" / "log" / job

    def job_run(self, job: str) -> Path:
        return self.data / "sys" / "run" / job

    def job_data(self, job: str) -> Path:
        return self.data / job
