"""What a check found."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class State(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """`what` was looked at, what was `found`, and, unless all is well, what to do.

    Failed is what breaks a promise of docs/reliability.md or keeps Efir from working; a warning is what will some day,
    or what cannot be told.
    """

    what: str
    state: State
    found: str
    todo: str = ""


def ok(what: str, found: str) -> Finding:
    return Finding(what, State.OK, found)


def warning(what: str, found: str, todo: str) -> Finding:
    return Finding(what, State.WARNING, found, todo)


def failed(what: str, found: str, todo: str) -> Finding:
    return Finding(what, State.FAILED, found, todo)
