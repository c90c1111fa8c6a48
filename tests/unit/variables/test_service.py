"""The director's variables: when values are made, which one a set holds, and what is said when there is none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bosh.manifest.model import Variable
from bosh.state.contract import Store
from bosh.system.clock import FakeClock
from bosh.testing import memory_store
from bosh.variables.generators import GenerationError
from bosh.variables.names import ConfigServerFetchError, InconsistentVariableState, IncorrectVariablePlacement
from bosh.variables.service import Variables
from bosh.wire.errors import ConfigServerMissingName

PASSWORD = Variable("/dir/dep/pw", "password")


@pytest.fixture
def store() -> Iterator[Store]:
    opened = memory_store()
    yield opened
    opened.close()


def variables(store: Store, **rest: Any) -> Variables:
    return Variables(store, FakeClock(), director="dir", **rest)


def converge(store: Store, *wanted: Variable, set_id: int = 1, **rest: Any) -> list[bool]:
    """Whether each value was made."""
    return [each.created for each in variables(store).converge(wanted, deployment="dep", set_id=set_id, **rest)]


def look(store: Store, name: str, set_id: int = 1, **rest: Any) -> Any:
    return variables(store).lookup(name, deployment="dep", set_id=set_id, **rest)


def test_a_missing_value_is_made_once(store: Store) -> None:
    assert converge(store, PASSWORD) == [True]
    first = look(store, "pw")
    assert converge(store, PASSWORD, set_id=2) == [False]
    assert look(store, "pw", 2) == first
    assert len(first) == 20


@pytest.mark.parametrize(
    ("mode", "options", "made"),
    [
        ("no-overwrite", {"length": 5}, False),
        ("converge", {"length": 5}, True),
        ("converge", {}, False),
        ("overwrite", {}, True),
    ],
)
def test_update_modes_decide_whether_there_is_a_new_value(store: Store, mode: Any, options: Any, made: bool) -> None:
    converge(store, PASSWORD)
    again = Variable("/dir/dep/pw", "password", options, mode)
    assert converge(store, again, set_id=2) == [made]
    assert (look(store, "pw", 2) != look(store, "pw", 1)) == made


def test_a_value_for_stemcell_changes_is_kept_until_then(store: Store) -> None:
    wanted = Variable("/dir/dep/pw", "password", {}, "overwrite", strategy="on-stemcell-change")
    assert converge(store, wanted) == [True]
    assert converge(store, wanted, set_id=2, previous_set=1) == [False]
    assert look(store, "pw", 2) == look(store, "pw", 1)
    assert converge(store, wanted, set_id=3, previous_set=2, stemcell_changed=True) == [True]


def test_certificates_are_made_after_the_ca_that_signs_them_wherever_it_is_listed(store: Store) -> None:
    leaf = Variable("/dir/dep/leaf", "certificate", {"ca": "ca", "common_name": "leaf", "key_length": 2048})
    ca = Variable("/dir/dep/ca", "certificate", {"is_ca": True, "common_name": "ca", "key_length": 2048})
    assert converge(store, leaf, ca) == [True, True]
    assert look(store, "leaf.ca") == look(store, "ca.certificate")
    assert store.variable_values.list(name="/dir/dep/leaf")[0].options["ca"] == "/dir/dep/ca"


def test_dns_names_of_links_go_into_certificates(store: Store) -> None:
    ca = Variable("/dir/dep/ca", "certificate", {"is_ca": True, "key_length": 2048})
    leaf = Variable("/dir/dep/leaf", "certificate", {"ca": "ca", "key_length": 2048})
    names = {"/dir/dep/leaf": {"alternative_name": "q-s0.web.bosh", "common_name": "web.bosh"}}
    converge(store, ca, leaf, addresses=names)
    options = store.variable_values.list(name="/dir/dep/leaf")[0].options
    assert (options["alternative_names"], options["common_name"]) == (["q-s0.web.bosh"], "web.bosh")


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ([Variable("/a", "certificate", {"ca": "/b"})], "no CA '/b' with a certificate"),
        (
            [Variable("/a", "certificate", {"ca": "/b"}), Variable("/b", "certificate", {"ca": "/a"})],
            "in a circle: /a, /b",
        ),
        ([Variable("/a", "json")], "Unsupported value type: json"),
        ([Variable("/a", "password", {"lenth": 3})], "Unsupported parameter 'lenth'"),
    ],
)
def test_what_cannot_be_made_says_why_and_records_nothing(store: Store, wanted: list[Variable], said: str) -> None:
    with pytest.raises(GenerationError) as caught:
        converge(store, *wanted)
    assert said in str(caught.value)
    assert caught.value.code == 540005
    assert variables(store).in_set("dep", 1) == []


def test_only_a_writable_set_takes_up_a_name_it_does_not_hold(store: Store) -> None:
    variables(store).set_value("/shared", {"a": [1]})
    with pytest.raises(InconsistentVariableState):
        look(store, "/shared", writable=False)
    assert look(store, "/shared.a") == [1]
    variables(store).set_value("/shared", {"a": [2]})
    assert look(store, "/shared.a", writable=False) == [1]
    assert look(store, "/shared.a", force_latest=True) == [2]
    assert look(store, "/shared.a", writable=False) == [2]


def test_missing_names_are_listed_together_with_where_they_are_asked_for(store: Store) -> None:
    variables(store).set_value("/have", {"k": 1})
    value = {"a": [{"b": "((x))"}], "c": "((/have.z)) and ((x))", "d": "((/have.k.l))", "e": "((/have.k))"}
    with pytest.raises(ConfigServerFetchError) as caught:
        variables(store).resolve(value, deployment="dep", set_id=1)
    assert caught.value.brief.splitlines() == [
        "- Failed to find variable '/dir/dep/x' (at a[0].b)",
        "- Failed to fetch variable '/have': Expected parent '/have' hash to have key 'z' (at c)",
        "- Failed to fetch variable '/have': Expected parent '/have.k' to be a hash (at d)",
    ]


def test_values_are_put_in_with_their_types_and_once_only(store: Store) -> None:
    service = variables(store)
    service.set_value("/n", 5)
    service.set_value("/m", {"k": "((/n))"})
    value = {"whole": "((/m))", "text": "n=((/n)) ((!/n)) ((/m.k))", "((/n))": None, "plain": [True, 1.5]}
    assert service.resolve(value, deployment="dep", set_id=1) == {
        "whole": {"k": "((/n))"},
        "text": "n=5 5 ((/n))",
        5: None,
        "plain": [True, 1.5],
    }


def test_maps_cannot_stand_inside_text(store: Store) -> None:
    service = variables(store)
    service.set_value("/m", {"k": 1})
    with pytest.raises(IncorrectVariablePlacement, match=r"Can not replace '\(\(/m\)\)' at a"):
        service.resolve({"a": "x((/m))"}, deployment="dep", set_id=1)


def test_a_dry_run_answers_but_writes_nothing(store: Store) -> None:
    dry = variables(store, dry_run=True)
    result = dry.converge([PASSWORD], deployment="dep", set_id=1)
    assert [(each.created, each.value_id) for each in result] == [(True, -1)]
    assert len(dry.lookup("pw", deployment="dep", set_id=1)) == 20
    assert (store.variable_values.count(), store.variable_uses.count()) == (0, 0)


def test_a_missing_name_has_the_code_clients_expect(store: Store) -> None:
    with pytest.raises(ConfigServerMissingName) as caught:
        look(store, "nope")
    assert (caught.value.code, caught.value.brief) == (540002, "Failed to find variable '/dir/dep/nope'")


def test_old_sets_are_forgotten_and_values_stay(store: Store) -> None:
    converge(store, PASSWORD, set_id=1)
    converge(store, PASSWORD, set_id=2)
    service = variables(store)
    service.keep_sets("dep", [2])
    assert service.in_set("dep", 1) == []
    assert [name for _, name in service.in_set("dep", 2)] == ["/dir/dep/pw"]
    assert store.variable_values.count() == 1


def test_the_latest_value_serves_what_no_deployment_owns(store: Store) -> None:
    service = variables(store)
    service.set_value("/cloud/key", {"id": "k"})
    assert service.latest("/cloud/key.id") == "k"
    with pytest.raises(KeyError):
        service.latest("/cloud/none")
