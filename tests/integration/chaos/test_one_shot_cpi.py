"""``kill -9`` of the worker while a CPI of one process for each call makes something: the process outlives it, and its answer is found."""

from __future__ import annotations

import pytest

from bosh.testing import archives
from bosh.testing.daemon import until

from .conftest import Estate, manifest
from .moments import Moment, ended_truthfully, kill_at

MADE = [
    Moment("create_vm", contains='"db"'),
    Moment("create_vm", after=True, contains='"db"'),
    Moment("create_disk"),
    Moment("create_disk", after=True),
    Moment("delete_vm", after=True),
]


@pytest.mark.parametrize("moment", MADE, ids=str)
def test_a_first_deploy(one_shot_estate: Estate, moment: Moment) -> None:
    estate = one_shot_estate
    text = manifest(estate.new_name("first"), release=estate.new_release())
    ended_truthfully(estate, kill_at(estate, moment, lambda: estate.director.deploy(text)))
    moment.release(estate)
    estate.deployed(text)
    estate.nothing_is_unowned()


def test_a_cloud_that_ends_its_work_long_after_its_director_died(one_shot_estate: Estate) -> None:
    estate, moment = one_shot_estate, Moment("create_disk")
    text = manifest(estate.new_name("late"))
    ended_truthfully(estate, kill_at(estate, moment, lambda: estate.director.deploy(text)))
    again = estate.director.deploy(text)
    until(lambda: "Waiting for the cloud to end create_disk" in estate.director.output(again))
    moment.release(estate)
    estate.succeeds(again)
    estate.nothing_is_unowned()


def test_uploading_a_stemcell(one_shot_estate: Estate) -> None:
    estate, moment = one_shot_estate, Moment("create_stemcell", after=True)
    archive = archives.stemcell(estate.director.folder, estate.new_name("9."))
    ended_truthfully(estate, kill_at(estate, moment, lambda: estate.director.upload("/stemcells", archive)))
    moment.release(estate)
    estate.upload("/stemcells", archive)
    estate.nothing_is_unowned()
