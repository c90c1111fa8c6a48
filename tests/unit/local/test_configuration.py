"""The files of a one-machine environment are read by the programs they are for."""

from __future__ import annotations

from configparser import RawConfigParser
from datetime import UTC, datetime
from ipaddress import IPv4Network
from pathlib import Path

import msgspec
import pytest
import yaml
from container_cpi.config import parse_config

from bosh.director.config import read
from bosh.health.config import Config as HealthConfig
from bosh.local import configuration
from bosh.local.home import Home
from bosh.local.identity import make
from bosh.system.ids import SeededIds

SETTINGS = yaml.safe_load((Path(__file__).parents[3] / "manifests/bosh/local.yml").read_text())
HOME = Home(Path("/var/lib/x"), IPv4Network("10.244.0.0/16"), port=35555)


@pytest.fixture(scope="module")
def identity():
    return make(HOME, SeededIds(1), datetime(2030, 1, 1, tzinfo=UTC))


def test_the_director_reads_its_configuration(identity):
    body = configuration.director(HOME, identity, cpi_program=Path("/bin/cpi"), settings=SETTINGS["director"])
    config = read(body)
    assert (config.port, config.nats.port, config.blobstore.port) == (35555, 14222, 35250)
    assert config.nats.address == "10.244.255.254"


def test_the_health_monitor_reads_its_configuration(identity):
    body = configuration.health_monitor(HOME, identity, settings=SETTINGS["health_monitor"])
    config = msgspec.convert(body, HealthConfig)
    assert [plugin.name for plugin in config.plugins] == ["logger", "event_logger", "resurrector"]


@pytest.mark.parametrize("network", ["10.244.0.0/16", "10.99.0.0/20", "10.99.16.0/24"])
def test_the_cpi_reads_its_configuration_and_the_hosts_address_is_not_given_away(network):
    home = Home(Path("/var/lib/x"), IPv4Network(network))
    config = parse_config(configuration.cpi(home, settings={}))
    assert config.ranges == (IPv4Network(network),)
    assert config.dynamic_range.subnet_of(IPv4Network(network))
    if home.network.prefixlen < 24:
        assert home.host_address not in config.dynamic_range


def test_supervisord_reads_its_configuration():
    words = ["/bin/sh", "-c", 'cd "$1" && exec "$2"', "100%"]
    parser = RawConfigParser()
    parser.read_string(configuration.supervisor(HOME, {"nats": words}))
    assert parser["program:nats"]["command"] == r'/bin/sh -c "cd \"$1\" && exec \"$2\"" 100%%'
