"""Every command of ``bosh``: its name, its aliases, one line of help, and the module that has it.

The table is all that ``bosh --help`` needs; a command's module is imported when it is called. A module ``bosh/cli/commands/<module>.py``
has a function named like the command with ``_`` for ``-``, whose first parameter is the ``Session``'s typer context.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    name: str
    module: str
    help: str
    aliases: tuple[str, ...] = ()
    implied: tuple[tuple[str, str], ...] = ()
    """Flags whose value may be left out, with the value they have then."""


ENTRIES: tuple[Entry, ...] = (
    # This machine (our additions)
    Entry("up", "local", "Bring up a director on this machine with an example deployment"),
    Entry("down", "local", "Remove everything that 'up' made"),
    Entry("build-stemcell", "stemcell_local", "Build a stemcell from a recipe"),
    Entry("completion", "completion", "Generate the autocompletion script for bosh for the specified shell."),
    # Environments and sessions
    Entry("environment", "environments", "Show environment", ("env",)),
    Entry("environments", "environments", "List environments", ("envs",)),
    Entry("alias-env", "environments", "Alias environment to save URL and CA certificate"),
    Entry("unalias-env", "environments", "Remove an aliased environment"),
    Entry("log-in", "environments", "Log in", ("l", "login")),
    Entry("log-out", "environments", "Log out", ("logout",)),
    # Tasks
    Entry("tasks", "tasks", "List running or recent tasks", ("ts",), (("--recent", "30"),)),
    Entry("task", "tasks", "Show task status and start tracking its output", ("t",)),
    Entry("cancel-task", "tasks", "Cancel task at its next checkpoint", ("ct",)),
    Entry("cancel-tasks", "tasks", "Cancel tasks at their next checkpoints", ("cts",)),
    # Misc
    Entry("locks", "misc", "List current locks"),
    Entry("clean-up", "misc", "Clean up old unused resources except orphaned disks"),
    Entry("curl", "misc", "Make an HTTP request to the Director"),
    # Configs
    Entry("configs", "configs", "List configs", ("cs",), (("--recent", "1"),)),
    Entry("config", "configs", "Show current config for either ID or both type and name", ("c",)),
    Entry("update-config", "configs", "Update config", ("uc",)),
    Entry("delete-config", "configs", "Delete config", ("dc",)),
    Entry("diff-config", "configs", "Diff two configs by ID or content"),
    Entry("cloud-config", "configs", "Show current cloud config", ("cc",)),
    Entry("update-cloud-config", "configs", "Update current cloud config", ("ucc",)),
    Entry("cpi-config", "configs", "Show current CPI config"),
    Entry("update-cpi-config", "configs", "Update current CPI config"),
    Entry("runtime-config", "configs", "Show current runtime config", ("rc",)),
    Entry("update-runtime-config", "configs", "Update current runtime config", ("urc",)),
    # Deployments
    Entry("deployments", "deployments", "List deployments", ("ds", "deps")),
    Entry("deployment", "deployments", "Show deployment information", ("dep",)),
    Entry("deploy", "deploy", "Update deployment", ("d",), (("--skip-drain", "*"),)),
    Entry("delete-deployment", "deployments", "Delete deployment", ("deld",)),
    Entry("manifest", "deployments", "Show deployment manifest", ("man",)),
    Entry("interpolate", "interpolate", "Interpolates variables into a manifest", ("int",)),
    # Events
    Entry("events", "events", "List events"),
    Entry("event", "events", "Show event details"),
    # Stemcells
    Entry("stemcells", "stemcells", "List stemcells", ("ss",)),
    Entry("upload-stemcell", "stemcells", "Upload stemcell", ("us",)),
    Entry("delete-stemcell", "stemcells", "Delete stemcell", ("dels",)),
    Entry("inspect-local-stemcell", "stemcell_local", "Display information from stemcell metadata"),
    Entry("repack-stemcell", "stemcell_local", "Repack stemcell"),
    # Releases
    Entry("releases", "releases", "List releases", ("rs",)),
    Entry("upload-release", "releases", "Upload release", ("ur",)),
    Entry("export-release", "releases", "Export the compiled release to a tarball"),
    Entry("inspect-release", "releases", "List release contents such as jobs"),
    Entry("inspect-local-release", "release_local", "Display information from release metadata"),
    Entry("delete-release", "releases", "Delete release", ("delr",)),
    # Errands
    Entry("errands", "errands", "List errands", ("es",)),
    Entry("run-errand", "errands", "Run errand", (), (("--with-heartbeat", "30"),)),
    # Disks, networks, snapshots
    Entry("disks", "disks", "List disks"),
    Entry("attach-disk", "disks", "Attach disk to an instance"),
    Entry("delete-disk", "disks", "Delete disk"),
    Entry("orphan-disk", "disks", "Orphan disk"),
    Entry("networks", "networks", "List networks"),
    Entry("delete-network", "networks", "Delete network"),
    Entry("snapshots", "snapshots", "List snapshots"),
    Entry("take-snapshot", "snapshots", "Take snapshot"),
    Entry("delete-snapshot", "snapshots", "Delete snapshot"),
    Entry("delete-snapshots", "snapshots", "Delete all snapshots in a deployment"),
    # Instances
    Entry("instances", "instances", "List all instances in a deployment", ("is",)),
    Entry("vms", "instances", "List all VMs in all deployments"),
    Entry("start", "lifecycle", "Start instance(s)"),
    Entry("stop", "lifecycle", "Stop instance(s)"),
    Entry("restart", "lifecycle", "Restart instance(s)"),
    Entry("recreate", "lifecycle", "Recreate instance(s)"),
    Entry("ignore", "lifecycle", "Ignore an instance"),
    Entry("unignore", "lifecycle", "Unignore an instance"),
    Entry("delete-vm", "lifecycle", "Delete VM"),
    Entry("orphaned-vms", "instances", "List all the orphaned VMs in all deployments"),
    Entry("update-resurrection", "lifecycle", "Enable/disable resurrection"),
    Entry("cloud-check", "cloud_check", "Cloud consistency check and interactive repair", ("cck", "cloudcheck")),
    Entry("create-recovery-plan", "cloud_check", "Interactively generate a recovery plan for disaster repair"),
    Entry("recover", "cloud_check", "Apply a recovery plan for disaster repair"),
    Entry("ssh", "ssh", "SSH into instance(s)"),
    Entry("pcap", "pcap", "Capture network packets on instance(s)"),
    Entry("scp", "ssh", "SCP to/from instance(s)"),
    Entry("logs", "logs", "Fetch logs from instance(s)"),
    Entry("variables", "deployments", "List variables", ("vars",)),
    # Release development
    Entry("init-release", "release_local", "Initialize release"),
    Entry("reset-release", "release_local", "Reset release"),
    Entry("generate-job", "release_local", "Generate job"),
    Entry("generate-package", "release_local", "Generate package"),
    Entry("create-release", "release_local", "Create release", ("cr",)),
    Entry("finalize-release", "release_local", "Create final release from dev release tarball"),
    Entry("vendor-package", "release_local", "Vendor package"),
    Entry("sha1ify-release", "release_local", "Convert release tarball to use SHA1"),
    Entry("sha2ify-release", "release_local", "Convert release tarball to use SHA256"),
    Entry("blobs", "blobs", "List blobs"),
    Entry("add-blob", "blobs", "Add blob"),
    Entry("remove-blob", "blobs", "Remove blob"),
    Entry("sync-blobs", "blobs", "Sync blobs"),
    Entry("upload-blobs", "blobs", "Upload blobs"),
)

BY_NAME: dict[str, Entry] = {name: entry for entry in ENTRIES for name in (entry.name, *entry.aliases)}
