"""A time limit on computing: a stage that hangs on a text ends its process.

The kernel does it (SIGALRM's default action), so it works when Python does not run, inside a loop of native code. The
pool then takes the message for a lost worker's: it is counted, split, and at the third time quarantined.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence

from pipeline.artifact import Content
from pipeline.stages import Stage, Subject


class Watched:
    """A stage that has `base` seconds and `per_thousand` more for every thousand characters of its batch."""

    def __init__(self, stage: Stage, base: float, per_thousand: float) -> None:
        self._stage = stage
        self._base = base
        self._per_thousand = per_thousand

    def run(self, batch: Sequence[Subject]) -> list[Content]:
        characters = sum(len(subject.document.text) for subject in batch)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, self._base + self._per_thousand * characters / 1000)
        try:
            return self._stage.run(batch)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
