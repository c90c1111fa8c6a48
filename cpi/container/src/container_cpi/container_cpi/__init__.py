"""VMs as system containers on this machine: runc, overlay roots, bridges, loop-backed disks."""
