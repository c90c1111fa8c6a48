from __future__ import annotations

import pytest

from bosh.execution.errands.filters import Filter, NothingMatches, filters_from, match, refuse_unmatched
from bosh.state import records


def instance(group: str, index: int, uuid: str) -> records.Instance:
    return records.Instance(uuid, "dep", group, index)


WEB = [instance("web", 0, "bb"), instance("web", 1, "aa")]
DB = instance("db", 0, "cc")
ALL = [*WEB, DB]


def test_without_filters_all_are_meant() -> None:
    assert match((), ALL) == (ALL, [])


@pytest.mark.parametrize(
    ("entry", "meant"),
    [
        ({"group": "web"}, WEB),
        ({"group": "web", "id": "1"}, [WEB[1]]),
        ({"group": "web", "id": "bb"}, [WEB[0]]),
        ({"group": "web", "id": "first"}, [WEB[1]]),
        ({"group": "db", "id": "first"}, [DB]),
    ],
)
def test_one_filter(entry: dict[str, str], meant: list[records.Instance]) -> None:
    assert match(filters_from([entry]), ALL) == (meant, [])


@pytest.mark.parametrize("entry", [{"group": "x"}, {"group": "web", "id": "cc"}, {"id": "aa"}, "web", 7])
def test_what_means_nothing(entry: object) -> None:
    filters = filters_from([entry, {"group": "web"}])
    assert match(filters, ALL) == (WEB, [filters[0]])


def test_an_instance_is_meant_once() -> None:
    assert match(filters_from([{"group": "web"}, {"group": "web", "id": "0"}]), ALL) == (WEB, [])


def test_the_refusal_shows_filters_as_the_original_does() -> None:
    refuse_unmatched([])
    with pytest.raises(NothingMatches) as raised:
        refuse_unmatched([Filter("web", "9"), Filter("x")])
    assert (
        raised.value.brief
        == 'No instances match selection criteria: [{"group" => "web", "id" => "9"}, {"group" => "x"}]'
    )
    assert raised.value.code == 100
