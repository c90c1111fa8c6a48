"""The text of a deploy that failed to render."""

from __future__ import annotations

from bosh.render import report
from bosh.render.model import FailedJob, TemplateFault

CTL = FailedJob("web", (TemplateFault("web", "ctl.erb", 3, "boom"), TemplateFault("web", "x.erb", 0, "bad\nworse")))


def test_faults_are_nested_and_each_said_once_per_group() -> None:
    assert (
        report.describe(
            {"a": [CTL, CTL], "b": [], "c": [FailedJob("db", (), "Error validating properties for db\nno port")]}
        )
        == """\
Unable to render instance groups for deployment. Errors are:
  - Unable to render jobs for instance group 'a'. Errors are:
    - Unable to render templates for job 'web'. Errors are:
      - Error filling in template 'ctl.erb' (line 3: boom)
      - Error filling in template 'x.erb' (line (unknown): bad
      worse)
  - Unable to render jobs for instance group 'c'. Errors are:
    - Error validating properties for db
      - no port"""
    )
