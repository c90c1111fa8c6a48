"""What a shell needs to complete ``bosh``: commands, flags, and files elsewhere."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from bosh.cli.failures import UsageError
from bosh.cli.globals import FLAGS
from bosh.cli.registry import BY_NAME

SHELLS = ("bash", "zsh", "fish")

_BASH = """\
_bosh() {
  local word="${COMP_WORDS[COMP_CWORD]}" command="" each
  for each in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$each" in -*) ;; *) command="$each"; break ;; esac
  done
  COMPREPLY=($(compgen -W "$(bosh completion words "$command" 2>/dev/null)" -- "$word"))
  if [ -n "$command" ] && [ "${#COMPREPLY[@]}" -eq 0 ]; then COMPREPLY=($(compgen -f -- "$word")); fi
}
complete -o filenames -F _bosh bosh
"""
_ZSH = "autoload -Uz compinit bashcompinit\ncompinit\nbashcompinit\n" + _BASH
_FISH = """\
function __bosh_command
  for each in (commandline -opc)[2..-1]
    if not string match -q -- '-*' $each
      echo $each
      return
    end
  end
end
complete -c bosh -n 'test -z (__bosh_command)' -f
complete -c bosh -a '(bosh completion words (__bosh_command) 2>/dev/null)'
"""
_SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def words_of(command: str) -> list[str]:
    """What may come next: a command before there is one, then its flags and the global ones."""
    shared = sorted(name for name in FLAGS if name.startswith("--"))
    if command not in BY_NAME:
        return sorted(BY_NAME) + shared
    from bosh.cli.run import application, flags_of

    entry = BY_NAME[command]
    parameters = typer.main.get_command(application(entry)).params
    own = sorted(name for flag in flags_of(entry, parameters) for name in flag.names if name.startswith("--"))
    return own + shared


def completion(
    context: typer.Context,
    shell: Annotated[str, typer.Argument(metavar="bash|zsh|fish")],
    command: Annotated[str, typer.Argument(hidden=True)] = "",
) -> None:
    if shell == "words":
        context.exit(_print("\n".join(words_of(command)) + "\n"))
    if shell not in _SCRIPTS:
        raise UsageError(f"Unknown shell '{shell}': expected one of {', '.join(SHELLS)}")
    context.exit(_print(_SCRIPTS[shell]))


def _print(text: str) -> int:
    """Nothing but the text, whoever reads it: it is meant to be evaluated."""
    os.write(1, text.encode())
    return 0
