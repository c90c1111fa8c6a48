"""Manifests: sizes, checks, comparison."""

from __future__ import annotations

from typing import Any

import pytest
from cloud_controller import errors
from cloud_controller.actions.revisions import Content, reasons
from cloud_controller.actions.staging import sanitize
from cloud_controller.manifests import diff, parse, units
from cloud_controller.messages import rules


@pytest.mark.parametrize(
    ("text", "expected"), [("64M", 64), ("1 GB", 1024), ("1g", 1024), ("2048K", 2), ("1T", 1 << 20)]
)
def test_sizes(text: str, expected: int) -> None:
    assert units.to_megabytes(text) == expected


@pytest.mark.parametrize("text", ["64", "M", "many", "64X", "1.5G"])
def test_bad_sizes(text: str) -> None:
    with pytest.raises(units.BadSize):
        units.to_bytes(text)


@pytest.mark.parametrize("text", ["-1", "0", "16K", "3M", "7B"])
def test_rates_are_shown_as_they_were_written(text: str) -> None:
    assert str(units.show_rate(units.rate(text))) == text


@pytest.mark.parametrize(
    ("app", "sentence"),
    [
        ({"memory": "64"}, 'Process "web": Memory must use a supported unit'),
        ({"instances": -1}, 'Process "web": Instances must be greater than or equal to 0'),
        ({"health-check-type": "tcp"}, 'Process "web": Health check type must be "port", "process", or "http"'),
        ({"routes": [{"route": "nowhere"}]}, "The route 'nowhere' is not a properly formed URL"),
        ({"env": {"VCAP_X": "1"}}, "Env cannot start with VCAP_"),
        ({"processes": [{"instances": 1}]}, "All Processes must specify a 'type' field"),
        ({"processes": [{"type": "a"}, {"type": "a"}]}, 'Process "a" may only be present once'),
        ({"random-route": True, "default-route": True}, "Random-route and default-route may not be used together"),
        ({"sidecars": [{"name": "s", "command": "c"}]}, 'Sidecar "s": Process types can\'t be blank'),
        ({"docker": {"image": "i"}, "buildpacks": ["b"]}, "Cannot specify both buildpack(s) and docker keys"),
        ({"features": {"fly": True}}, "Features contains unknown feature 'fly'"),
    ],
)
def test_manifests_are_checked_before_anything_changes(app: dict[str, Any], sentence: str) -> None:
    with pytest.raises(errors.ApiError) as caught:
        parse.applications({"applications": [{"name": "a", **app}]})
    assert caught.value.status == 422
    assert any(problem.detail.startswith(f"For application 'a': {sentence}") for problem in caught.value.problems)


def test_what_an_application_says_itself_is_of_its_web_process() -> None:
    app = {
        "name": "a",
        "memory": "1G",
        "command": "run",
        "processes": [{"type": "worker", "instances": 2}, {"type": "web", "memory": "64M"}],
    }
    found = parse.processes(app)
    assert found == {"web": {"memory_in_mb": 64, "command": "run"}, "worker": {"instances": 2}}


def test_the_http_check_has_a_path_and_others_have_none() -> None:
    assert parse.columns({"health-check-type": "http"}) == {"health_check_type": "http", "health_check_endpoint": "/"}
    assert parse.columns({"health-check-type": "none"}) == {
        "health_check_type": "process",
        "health_check_endpoint": None,
    }
    assert parse.columns({"command": "null", "memory": None}) == {"command": None}


EXISTING = {
    "name": "a",
    "stack": "s",
    "env": {"A": "1"},
    "routes": [{"route": "x.test", "protocol": "http1"}],
    "processes": [{"type": "web", "instances": 1, "memory": "64M", "disk_quota": "1024M"}],
}


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"memory": "65536K"}, []),
        ({"memory": "1G"}, [{"op": "replace", "path": "/applications/0/memory", "was": "64M", "value": "1024M"}]),
        (
            {"env": {"A": "2", "B": "3"}},
            [
                {"op": "replace", "path": "/applications/0/env/A", "was": "1", "value": "2"},
                {"op": "add", "path": "/applications/0/env/B", "value": "3"},
            ],
        ),
        (
            {"routes": [{"route": "x.test"}, {"route": "y.test"}]},
            [
                {"op": "add", "path": "/applications/0/routes/1", "value": {"route": "y.test"}},
            ],
        ),
        (
            {"processes": [{"type": "web", "instances": 2}]},
            [
                {"op": "replace", "path": "/applications/0/processes/0/instances", "was": 1, "value": 2},
            ],
        ),
        ({"default-route": True, "path": "."}, []),
    ],
)
def test_compare(wanted: dict[str, Any], expected: list[dict[str, Any]]) -> None:
    assert diff.compare(EXISTING, {"name": "a", **wanted}, 0) == expected


def content(**changes: Any) -> Content:
    return Content(**{"droplet_guid": "d", "environment": {}, "commands": {"web": None}, **changes})


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (content(), []),
        (
            content(droplet_guid="e", environment={"A": "1"}),
            ["New droplet deployed.", "New environment variables deployed."],
        ),
        (
            content(commands={"web": "x", "job": None}),
            ["Custom start command added for 'web' process.", "New process type 'job' added."],
        ),
        (content(commands={}), ["Process type 'web' removed."]),
        (content(sidecars=[{"name": "s"}]), ["Sidecars updated."]),
    ],
)
def test_reasons_for_a_revision(after: Content, expected: list[str]) -> None:
    assert reasons(content(), after) == expected


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("Exited with status 223", "BuildpackCompileFailed"),
        ("insufficient resources: memory", "InsufficientResources"),
        ("found no compatible cell", "NoCompatibleCell"),
        ("anything else", "StagingError"),
    ],
)
def test_reasons_of_failed_builds(reason: str, expected: str) -> None:
    assert sanitize(reason)[0] == expected


@pytest.mark.parametrize(
    ("rule", "good"),
    [
        ({"protocol": "tcp", "destination": "10.0.0.1-10.0.0.9", "ports": "1-2"}, True),
        ({"protocol": "icmp", "destination": "0.0.0.0/0", "type": -1, "code": 0}, True),
        ({"protocol": "all", "destination": "10.0.0.9-10.0.0.1"}, False),
        ({"protocol": "tcp", "destination": "::/0"}, False),
        ({"protocol": "udp", "destination": "::/0", "ports": "9-2"}, False),
        ({"protocol": "gre", "destination": "::/0"}, False),
        ({"protocol": "icmp", "destination": "::/0", "type": 256, "code": 0}, False),
    ],
)
def test_rules(rule: dict[str, Any], good: bool) -> None:
    assert (rules.problems_of([rule]) == []) is good
