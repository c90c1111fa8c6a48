"""Secrets of a one-machine environment: made once, renewed in time."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta

from cryptography import x509

from bosh.local.home import Home
from bosh.local.identity import LEAF_DAYS, from_text, load_or_make, make, renewed, to_text
from bosh.system.ids import SeededIds

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def test_it_survives_its_file(tmp_path):
    identity = make(Home(tmp_path), SeededIds(1), NOW)
    assert from_text(to_text(identity)) == identity


def test_it_is_made_once_and_its_file_is_private(tmp_path):
    home = Home(tmp_path)
    first = load_or_make(home, SeededIds(1), NOW)
    assert load_or_make(home, SeededIds(2), NOW + timedelta(days=100)) == first
    assert stat.S_IMODE(home.identity_file.stat().st_mode) == 0o600


def test_leaf_certificates_are_renewed_before_they_expire_and_the_rest_stays(tmp_path):
    home = Home(tmp_path)
    identity = make(home, SeededIds(1), NOW)
    assert renewed(identity, home, NOW + timedelta(days=LEAF_DAYS - 61)) == identity
    later = renewed(identity, home, NOW + timedelta(days=LEAF_DAYS - 59))
    assert later.director != identity.director
    assert (later.authority, later.admin_password) == (identity.authority, identity.admin_password)


def test_the_bus_server_is_reachable_by_the_address_vms_use(tmp_path):
    home = Home(tmp_path)
    certificate = x509.load_pem_x509_certificate(make(home, SeededIds(1), NOW).nats_server.certificate.encode())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert home.host_address in names.get_values_for_type(x509.IPAddress)


def test_no_secret_shows_in_a_log(tmp_path):
    identity = make(Home(tmp_path), SeededIds(1), NOW)
    assert identity.admin_password not in repr(identity)
