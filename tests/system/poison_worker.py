"""A worker whose parser is brought down by words.

`отрута` kills the process, as a segmentation fault would; on `трясовина` it hangs where nothing can interrupt it; on
`болото` it is too slow; on `хиба` it raises.
"""

from __future__ import annotations

import ctypes
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
    if any("трясовина" in subject.document.text for subject in batch):
        # As native code that never returns to Python. The alarm may go to another thread of the process, which there
        # are; what it asks for is done by this one.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
        ctypes.PyDLL(None).sleep(3600)
    while any("болото" in subject.document.text for subject in batch):
        pass
    if any("хиба" in subject.document.text for subject in batch):
        raise ValueError("хиба")
    return _run(self, batch)


if __name__ == "__main__":
    ParseStage.run = run  # type: ignore[method-assign]
    sys.exit(worker.run(Settings()))
