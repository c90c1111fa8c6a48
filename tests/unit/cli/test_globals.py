"""Global flags anywhere on the line."""

from __future__ import annotations

import pytest

from bosh.cli.arguments import Flag
from bosh.cli.failures import UsageError
from bosh.cli.globals import Globals, extract, from_environment, split

OWN = [
    Flag(("--vitals",), takes_value=False),
    Flag(("--var", "-v")),
    Flag(("--name",)),
    Flag(("--version",)),
    Flag(("--command", "-c")),
]


@pytest.mark.parametrize(
    ("line", "wanted", "rest"),
    [
        ("-e local -d nats vms --vitals", {"environment": "local", "deployment": "nats"}, "vms --vitals="),
        ("vms -d nats -e local", {"environment": "local", "deployment": "nats"}, "vms"),
        ("vms --environment=local --json", {"environment": "local", "json": True}, "vms"),
        ("deploy -n m.yml -v a=b -dnats", {"non_interactive": True, "deployment": "nats"}, "deploy m.yml --var=a=b"),
        ("deploy -nd nats m.yml", {"non_interactive": True, "deployment": "nats"}, "deploy m.yml"),
        ("upload-stemcell x --version 1 --name n", {}, "upload-stemcell x --version=1 --name=n"),
        ("ssh nats/0 -c ls -- -d nats", {}, "ssh nats/0 -d nats --command=ls"),
        ("vms --column=ips --column az", {"column": ("ips", "az")}, "vms"),
    ],
)
def test_they_are_taken_out_and_the_rest_keeps_its_order(line, wanted, rest):
    read = extract(line.split(), Globals(), OWN)
    assert [*read.words, *(f"{item.flag.name}={item.value}" for item in read.own)] == rest.split()
    assert {name: getattr(read.flags, name) for name in wanted} == wanted


def test_the_line_wins_over_the_environment():
    defaults = from_environment({"BOSH_ENVIRONMENT": "one", "BOSH_DEPLOYMENT": "d", "BOSH_NON_INTERACTIVE": "true"})
    flags = extract(["-e", "two", "vms"], defaults).flags
    assert (flags.environment, flags.deployment, flags.non_interactive) == ("two", "d", True)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("vms -d", "expected argument for flag `-d, --deployment'"),
        ("vms -d -n", "expected argument for flag `-d, --deployment', but got option `-n'"),
        ("vms -d --", "expected argument for flag `-d, --deployment', but got double dash `--'"),
        ("vms --json=1", "bool flag `--json' cannot have an argument"),
        ("vms --vital", "unknown flag `vital', did you mean `--vitals'?"),
        ("vms -x", "unknown flag `x'"),
        ("vms --parallel=x", "invalid argument for flag `--parallel' (expected int): 'x'"),
    ],
)
def test_what_cannot_be_read_is_told(line, told):
    with pytest.raises(UsageError) as caught:
        extract(line.split(), Globals(), OWN)
    assert str(caught.value) == told


@pytest.mark.parametrize("line", ["-r=5", "-r5", "--recent=5"])
def test_a_value_that_may_be_left_out_must_be_attached(line):
    recent = Flag(("--recent", "-r"), implied="30")
    assert extract([line], Globals(), [recent]).own[0].value == "5"
    left_out = extract(["-r", "5"], Globals(), [recent])
    assert (left_out.own[0].value, left_out.words) == ("30", ("5",))


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("-e a -n vms -d b", (["-e", "a", "-n"], "vms", ["-d", "b"])),
        ("-ea --json vms", (["-ea", "--json"], "vms", [])),
        ("-nd b vms", (["-nd", "b"], "vms", [])),
        ("", ([], "", [])),
    ],
)
def test_the_command_is_the_first_word_that_belongs_to_no_flag(line, parts):
    assert split(line.split()) == parts
