"""Commands of Efir as they stand in a text: does each exist, with its options?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from typer.main import get_command

from services.cli import app


def follow(words: Sequence[str]) -> None:
    """Walk down the commands; an unknown one, or an unknown option, is an error that names it. A group may be alone."""
    command: Any = get_command(app)
    rest = list(words[1:])
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        assert rest[0] in command.commands, f"there is no command {' '.join(words)!r}"
        command, rest = command.commands[rest[0]], rest[1:]
    options = {"-h", "--help"} | {
        name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)
    }
    for word in rest:
        if word.startswith("-"):
            assert word.partition("=")[0] in options, f"{' '.join(words)!r}: there is no option {word}"
