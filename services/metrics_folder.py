"""Where the processes of a worker keep the values of their metrics.

A module of its own, because the folder must be chosen before `services.metrics` is imported: prometheus_client decides
then whether values live in memory or in files that the parent can add up.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def prepare() -> Path:
    """Make an empty folder for this worker and name it in PROMETHEUS_MULTIPROC_DIR."""
    folder = Path(tempfile.mkdtemp(prefix="efir-metrics-"))
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    return folder
