"""Time limits on computing, scaled to the length of the text.

The soft limit interrupts: an exception comes up inside the stage, the documents of the batch are tried one by one, and
the one that is too slow fails by itself. Code that does not return to Python cannot be interrupted: the hard limit ends
its process (a thread of C does it, which needs no interpreter) and leaves on standard error where every thread stood.
"""

from __future__ import annotations

import faulthandler
import signal
from collections.abc import Sequence
from types import FrameType

from pipeline.artifact import Content
from pipeline.stages import Stage, Subject


class TooSlow(Exception):
    """The stage did not finish its text within the soft limit."""


class Watched:
    """A stage that has `base` seconds and `per_thousand` more for every thousand characters of its batch.

    After `hard` times that the process is ended.
    """

    def __init__(self, stage: Stage, base: float, per_thousand: float, hard: float) -> None:
        self._stage = stage
        self._base = base
        self._per_thousand = per_thousand
        self._hard = hard

    def run(self, batch: Sequence[Subject]) -> list[Content]:
        characters = sum(len(subject.document.text) for subject in batch)
        seconds = self._base + self._per_thousand * characters / 1000

        def interrupt(number: int, frame: FrameType | None) -> None:
            raise TooSlow(f"not finished after {seconds:.0f} s, the limit for {characters:,} characters")

        before = signal.signal(signal.SIGALRM, interrupt)
        faulthandler.dump_traceback_later(seconds * self._hard, exit=True)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            return self._stage.run(batch)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            faulthandler.cancel_dump_traceback_later()
            signal.signal(signal.SIGALRM, before)
