"""All actions by method name. A new method is one file and one line here."""

from __future__ import annotations

from collections.abc import Mapping

from bosh.agent.actions import (
    add_dynamic_disk,
    add_persistent_disk,
    apply,
    bundle_logs,
    compile_package,
    compile_package_with_signed_url,
    delete_arp_entries,
    drain,
    fetch_logs,
    fetch_logs_with_signed_url,
    get_state,
    list_disk,
    migrate_disk,
    mount_disk,
    prepare,
    remove_dynamic_disk,
    remove_file,
    remove_persistent_disk,
    run_errand,
    run_script,
    shutdown,
    ssh,
    start,
    stop,
    sync_dns,
    sync_dns_with_signed_url,
    unmount_disk,
    update_settings,
    upload_blob,
)
from bosh.agent.actions.contract import Action

ACTIONS: Mapping[str, Action] = {
    module.ACTION.method: module.ACTION
    for module in (
        add_dynamic_disk,
        add_persistent_disk,
        apply,
        bundle_logs,
        compile_package,
        compile_package_with_signed_url,
        delete_arp_entries,
        drain,
        fetch_logs,
        fetch_logs_with_signed_url,
        get_state,
        list_disk,
        migrate_disk,
        mount_disk,
        prepare,
        remove_dynamic_disk,
        remove_file,
        remove_persistent_disk,
        run_errand,
        run_script,
        shutdown,
        ssh,
        start,
        stop,
        sync_dns,
        sync_dns_with_signed_url,
        unmount_disk,
        update_settings,
        upload_blob,
    )
}
