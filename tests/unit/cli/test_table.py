"""Tables for people, pipes and programs."""

from __future__ import annotations

import pytest

from bosh.cli.output.table import Table, for_json, for_people, for_programs, key_of, only_columns

VMS = Table(
    "vms",
    ("Instance", "IPs", "CPU\nTotal"),
    (("web/b", ["10.0.0.2", "10.0.0.3"], ""), ("web/a", ["10.0.0.1"], 5)),
    sort_by=(0,),
)


def test_people_see_titles_padding_and_the_count():
    assert for_people(VMS) == (
        "Instance  IPs       CPU  \n"
        "                    Total  \n"
        "web/a     10.0.0.1  5  \n"
        "web/b     10.0.0.2  -  \n"
        "          10.0.0.3    \n"
        "\n2 vms\n\n"
    )


def test_pipes_get_tabs_and_nothing_else():
    rows = Table("vms", ("A", "B"), (("x", "1"), ("x", "")))
    assert for_programs(rows) == "x\t1\t\nx\t-\t\n"


def test_equal_first_cells_are_shown_once_to_people():
    rows = Table("", ("A", "B"), (("x", "1"), ("x", "2"), ("y", "3")))
    assert [line.split() for line in for_people(rows).splitlines() if line][1:] == [["x", "1"], ["~", "2"], ["y", "3"]]


def test_programs_get_strings_under_keys():
    body = for_json(VMS)
    assert body["Header"] == {"instance": "Instance", "ips": "IPs", "cpu_total": "CPU\nTotal"}
    assert body["Rows"][1] == {"instance": "web/b", "ips": "10.0.0.2\n10.0.0.3", "cpu_total": ""}


@pytest.mark.parametrize(
    ("title", "key"), [("Release(s)", "release_s"), ("#", "3"), ("VM CID", "vm_cid"), ("Load\n(1m)", "load_1m")]
)
def test_keys_are_made_of_titles(title, key):
    assert key_of(title, 3) == key


def test_columns_are_chosen_by_title_or_key():
    assert only_columns(VMS, ["ips", "Instance"]).columns == ("Instance", "IPs")
    with pytest.raises(ValueError, match="cannot show column 'nope'"):
        only_columns(VMS, ["nope"])
