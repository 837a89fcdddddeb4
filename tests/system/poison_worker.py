"""A worker whose parser dies on the word `отрута`, as by a segmentation fault, and hangs on the word `трясовина`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

from pipeline.artifact import Content
from pipeline.stages import Subject
from pipeline.stages.parse import ParseStage
from services import worker
from services.settings import Settings

_run = ParseStage.run


def run(self: ParseStage, batch: Sequence[Subject]) -> list[Content]:
    if any("отрута" in subject.document.text for subject in batch):
        os.kill(os.getpid(), signal.SIGKILL)
    while any("трясовина" in subject.document.text for subject in batch):
        pass
    return _run(self, batch)


if __name__ == "__main__":
    ParseStage.run = run  # type: ignore[method-assign]
    sys.exit(worker.run(Settings()))
