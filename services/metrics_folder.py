"""Where the processes of a worker keep the values of their metrics.

A module of its own, because the folder must be chosen before `services.metrics` is imported: prometheus_client decides
then whether values live in memory or in files that the parent can add up.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

_PREFIX = "efir-metrics-"


def prepare() -> Path:
    """Make an empty folder for this worker and name it in PROMETHEUS_MULTIPROC_DIR.

    Folders of workers that were killed, and could not remove theirs, are removed here.
    """
    parent = Path(tempfile.gettempdir())
    for left in parent.glob(f"{_PREFIX}*-*"):
        owner = left.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdigit() and not Path("/proc", owner).exists() and Path("/proc/self").exists():
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=parent))
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    return folder
