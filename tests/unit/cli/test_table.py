"""Tables for people, pipes and programs."""

from __future__ import annotations

import pytest

from bosh.cli.output.table import NoSuchColumn, Table, Verdict, for_json, for_people, for_programs, key_of, only_columns

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
        "\n2 vms\n"
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
    assert for_json(only_columns(VMS, ["ips", "Instance"]))["Header"] == {"instance": "Instance", "ips": "IPs"}
    with pytest.raises(NoSuchColumn, match="Failed to find header: nope") as caught:
        only_columns(VMS, ["nope", "IPs"])
    assert caught.value.others == (1,)


def test_a_column_of_a_table_shown_together_is_not_missing():
    assert for_json(only_columns(VMS, ["Digest"], ["Digest"]))["Rows"] == [{}, {}]


def test_what_is_shown_once_does_not_depend_on_the_columns_chosen():
    rows = only_columns(Table("", ("A", "B"), (("x", "1"), ("y", "1"))), ["B"])
    assert for_people(rows).splitlines()[1:] == ["1  ", "1  "]


def test_numbers_are_sorted_as_numbers():
    rows = Table("", ("ID",), ((9,), (10,)), sort_by=(0,), descending=True)
    assert [row["id"] for row in for_json(rows)["Rows"]] == ["10", "9"]


def test_verdicts_are_coloured_for_people_only():
    rows = Table("", ("State",), ((Verdict("failing", bad=True),), (Verdict("running", bad=False),)))
    assert for_people(rows, good="<", bad=">", plain="|").splitlines()[1:] == [">failing|  ", "<running|  "]
    assert for_programs(rows) == "failing\t\nrunning\t\n"
