"""A document that a stage cannot process, and why: what goes into quarantine."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.transcript import Place


@dataclass(frozen=True)
class Failure:
    """`reason` groups failures (an exception's name, or one of Efir's own), `error` says it to people."""

    place: Place
    reason: str
    error: str
    traceback: str
