"""Shells know what may come next."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from bosh.cli.commands.completion import _SCRIPTS, SHELLS, words_of


def test_commands_first_then_flags():
    assert {"vms", "deploy", "--environment"} <= set(words_of(""))
    assert {"--vitals", "--deployment"} <= set(words_of("vms"))
    assert "deploy" not in words_of("vms")


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_can_read_its_script(shell):
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"needs {shell}")
    flag = "--no-execute" if shell == "fish" else "-n"
    subprocess.run([program, flag], input=_SCRIPTS[shell], text=True, check=True, capture_output=True)


def test_bash_completes(tmp_path):
    bosh = tmp_path / "bosh"
    bosh.write_text("#!/bin/sh\necho deploy\necho deployments\necho vms\n")
    bosh.chmod(0o755)
    script = f'PATH={tmp_path}:$PATH\n{_SCRIPTS["bash"]}\nCOMP_WORDS=(bosh dep) COMP_CWORD=1\n_bosh\necho "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "-c", script], text=True, check=True, capture_output=True)
    assert done.stdout.split() == ["deploy", "deployments"]
