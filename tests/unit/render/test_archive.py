"""Archives and hashes of rendered jobs."""

from __future__ import annotations

import hashlib
import io
import tarfile
from dataclasses import replace

from bosh.render import archive
from bosh.render.model import RenderedJob

WEB = RenderedJob("web", b"M", {"bin/ctl": b"C", "a.yml": b"A"}, {"bin/ctl": "1.erb", "a.yml": "2.erb"})
APP = RenderedJob("app", b"N", {"f": b"F"}, {"f": "f"})


def sha1(*texts: bytes) -> str:
    return hashlib.sha1(b"".join(texts)).hexdigest()


def test_each_job_is_a_folder_and_order_does_not_matter() -> None:
    packed = archive.pack([WEB, APP])
    assert packed == archive.pack([APP, WEB])
    with tarfile.open(fileobj=io.BytesIO(packed)) as opened:
        files = [member.name for member in opened if member.isfile()]
    assert files == ["./app/monit", "./app/f", "./web/monit", "./web/a.yml", "./web/bin/ctl"]


def test_configuration_hash_goes_through_jobs_by_name_and_files_by_source() -> None:
    expected = sha1(b"N", b"app", b"F", b"f", b"M", b"web", b"C", b"bin/ctl", b"A", b"a.yml")
    assert archive.configuration_hash([WEB, APP]) == expected


def test_template_hash_is_monit_and_contents() -> None:
    assert archive.template_hash(WEB) == sha1(b"M", b"C", b"A")


def test_moving_a_file_changes_the_configuration_but_not_the_templates() -> None:
    moved = replace(WEB, files={"bin/other": b"C", "a.yml": b"A"}, sources={"bin/other": "1.erb", "a.yml": "2.erb"})
    assert archive.template_hash(moved) == archive.template_hash(WEB)
    assert archive.configuration_hash([moved]) != archive.configuration_hash([WEB])
