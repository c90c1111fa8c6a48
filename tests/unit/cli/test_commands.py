"""Every command in the table exists and explains itself."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bosh.cli.main import help_text
from bosh.cli.registry import BY_NAME, ENTRIES
from bosh.cli.run import application


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_it_can_be_loaded_and_has_help(entry, capsys):
    application(entry)(["--help"], prog_name=f"bosh {entry.name}", standalone_mode=False)
    assert entry.help in capsys.readouterr().out


def test_no_name_or_alias_is_given_twice():
    assert len(BY_NAME) == sum(1 + len(entry.aliases) for entry in ENTRIES)


def test_help_names_every_command():
    assert all(f"  {entry.name} " in help_text() for entry in ENTRIES)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--version"], 0, "version "),
        (["--help"], 0, "Available commands"),
        (["vmz"], 1, "did you mean `vms'"),
        (["vms"], 1, "Expected non-empty Director URL"),
        (["vms", "--nope"], 1, "unknown flag `nope'"),
    ],
)
def test_how_it_ends(arguments, code, words, tmp_path):
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-m", "bosh.cli.main", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert ended.returncode == code
    assert words in ended.stdout + ended.stderr


def test_help_and_version_import_no_command_library():
    script = "import sys; from bosh.cli.main import main; main(['--help']); sys.exit('typer' in sys.modules or 'rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=False).returncode == 0
