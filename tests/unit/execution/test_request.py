from __future__ import annotations

from typing import Any

import pytest

from bosh.execution.request import asked_states, options_of, request_from
from bosh.plan.model import CurrentInstance
from bosh.wire.errors import InstanceNotFound, JobNotFound, ValidationInvalidValue


def instance(group: str, index: int, **values: Any) -> CurrentInstance:
    return CurrentInstance(
        id=f"{group}-{index}",
        group=group,
        index=index,
        az="z1",
        bootstrap=index == 0,
        state="started",
        vm=None,
        **values,
    )


INSTANCES = (
    instance("web", 0),
    instance("web", 1),
    instance("db", 0, ignored=True),
    instance("run", 0, lifecycle="errand"),
)


def test_arguments_become_a_request() -> None:
    request = request_from(
        {
            "manifest": "name: x",
            "context": {"cloud_config_ids": [1], "runtime_config_ids": []},
            "skip_drain": "web, db",
            "recreate": True,
            "deploy": False,
        }
    )
    assert request.cloud_config_ids == (1,)
    assert request.runtime_config_ids == ()
    assert request.skip_drain == {"web", "db"}
    assert request.recreate
    assert not request.deploy
    assert request_from({"manifest": ""}).cloud_config_ids is None


def test_states_of_a_group_an_instance_and_everything() -> None:
    assert asked_states({"web": {"1": "stopped"}}, INSTANCES).states == {"web-1": "stopped"}
    assert asked_states({"web": {"web-0": "detached"}}, INSTANCES).states == {"web-0": "detached"}
    asked = asked_states({"*": {"*": "recreate"}}, INSTANCES)
    assert asked.recreate == {"web-0", "web-1"}
    assert asked.states == {"web-0": "started", "web-1": "started"}
    assert asked_states({"web": {"*": "restart"}}, INSTANCES).restart == {"web-0", "web-1"}


@pytest.mark.parametrize(
    ("states", "error"),
    [
        ({"none": {"*": "stopped"}}, JobNotFound),
        ({"web": {"7": "stopped"}}, InstanceNotFound),
        ({"web": {"*": "asleep"}}, ValidationInvalidValue),
    ],
)
def test_names_and_states_that_are_not_there(states: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        asked_states(states, INSTANCES)


def test_options_of_a_request() -> None:
    request = request_from({"manifest": "", "recreate": True, "fix": True, "canaries": "2", "skip_drain": "*"})
    asked = asked_states({"web": {"0": "recreate"}}, INSTANCES)
    options = options_of(
        request, asked, director_name="d", dns_domain="bosh", use_dns_addresses=True, settings=("a", "b", "c")
    )
    assert options.recreate == {"*", "web-0"}
    assert options.fix
    assert options.canaries == "2"
    assert options.skip_drain == {"*"}
    assert (options.trusted_certs_sha1, options.blobstore_config_sha1, options.nats_config_sha1) == ("a", "b", "c")
