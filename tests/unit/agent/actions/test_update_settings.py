"""bosh/agent/actions/update_settings.py and apply.py: what they decide."""

from __future__ import annotations

from typing import Any

import pytest

from bosh.agent.actions.apply import with_addresses
from bosh.agent.actions.update_settings import merge
from bosh.wire.errors import BoshError

EMPTY_MBUS = {"urls": None, "cert": {"ca": "", "certificate": "", "private_key": ""}}


def test_new_bus_or_blobstores_change_things() -> None:
    known: dict[str, Any] = {"mbus": {"urls": ["a"]}, "blobstores": [{"provider": "dav"}], "trusted_certs": "old"}
    merged, changed = merge(known, {"trusted_certs": "new", "disk_associations": [{"name": "n", "cid": "c"}]})
    assert not changed
    assert merged == {**known, "trusted_certs": "new", "disk_associations": [{"name": "n", "cid": "c"}]}
    assert merge(known, {"mbus": {"urls": ["b"]}}) == (
        {**known, "trusted_certs": "", "disk_associations": [], "mbus": {"urls": ["b"]}},
        True,
    )
    assert merge(known, {"mbus": known["mbus"], "blobstores": known["blobstores"]})[1] is False
    assert merge(known, {"mbus": EMPTY_MBUS, "blobstores": None})[1] is False
    assert merge({}, {"blobstores": [{"provider": "s3"}]})[1] is True


def test_only_dynamic_networks_get_addresses() -> None:
    known = {
        "m": {"type": "manual", "ip": "10.0.0.1", "netmask": "255.0.0.0"},
        "d": {"type": "dynamic", "ip": "10.0.0.2", "netmask": "255.0.0.0", "gateway": "10.0.0.9"},
        "v": {"type": "vip", "ip": "1.2.3.4"},
    }
    spec = {"networks": {"m": {"x": 1}, "d": {"x": 2}, "v": {"x": 3}, "local": {"ip": "127.0.0.1"}}}
    assert with_addresses(spec, known)["networks"] == {
        "m": {"x": 1},
        "d": {"x": 2, "ip": "10.0.0.2", "netmask": "255.0.0.0", "gateway": "10.0.0.9"},
        "v": {"x": 3},
        "local": {"ip": "127.0.0.1"},
    }
    assert with_addresses({"a": 1}, known) == {"a": 1}
    with pytest.raises(BoshError, match="Network 'other' is not found in settings"):
        with_addresses({"networks": {"other": {}}}, known)
