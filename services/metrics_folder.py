"""Where the processes of a worker keep the values of their metrics, so that the parent can add them up."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from services.metrics.forms import share

_PREFIX = "efir-metrics-"


def prepare() -> Path:
    """Make an empty folder for this worker, and have this process and those that it forks use it.

    Folders of workers that were killed, and could not remove theirs, are removed here.
    """
    parent = Path(tempfile.gettempdir())
    for left in parent.glob(f"{_PREFIX}*-*"):
        owner = left.name.removeprefix(_PREFIX).partition("-")[0]
        # In a container each worker has the same process id as the one before it: ours cannot be in use yet.
        is_gone = owner == str(os.getpid()) or not Path("/proc", owner).exists()
        if owner.isdigit() and is_gone and Path("/proc/self").exists():
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=parent))
    share(folder)
    return folder
