"""Global flags anywhere on the line."""

from __future__ import annotations

import pytest

from bosh.cli.globals import Globals, UsageError, extract, from_environment


@pytest.mark.parametrize(
    ("line", "wanted", "rest"),
    [
        ("-e local -d nats vms --vitals", {"environment": "local", "deployment": "nats"}, "vms --vitals"),
        ("vms -d nats -e local", {"environment": "local", "deployment": "nats"}, "vms"),
        ("vms --environment=local --json", {"environment": "local", "json": True}, "vms"),
        ("deploy -n m.yml -v a=b -dnats", {"non_interactive": True, "deployment": "nats"}, "deploy m.yml -v a=b"),
        ("deploy -nd nats m.yml", {"non_interactive": True, "deployment": "nats"}, "deploy m.yml"),
        ("upload-stemcell x --version 1 --name n", {}, "upload-stemcell x --version 1 --name n"),
        ("ssh nats/0 -c ls -- -d nats", {}, "ssh nats/0 -c ls -- -d nats"),
        ("vms --column=ips --column az", {"column": ("ips", "az")}, "vms"),
    ],
)
def test_they_are_taken_out_and_the_rest_keeps_its_order(line, wanted, rest):
    flags, remaining = extract(line.split(), Globals())
    assert remaining == rest.split()
    assert {name: getattr(flags, name) for name in wanted} == wanted


def test_the_line_wins_over_the_environment():
    defaults = from_environment({"BOSH_ENVIRONMENT": "one", "BOSH_DEPLOYMENT": "d", "BOSH_NON_INTERACTIVE": "true"})
    flags, _ = extract(["-e", "two", "vms"], defaults)
    assert (flags.environment, flags.deployment, flags.non_interactive) == ("two", "d", True)


def test_a_flag_without_its_value_is_refused():
    with pytest.raises(UsageError, match="expected argument for flag '-d'"):
        extract(["vms", "-d"], Globals())
