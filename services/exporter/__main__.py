"""`python -m services.exporter`: an exporter on the broker and store of the settings."""

from __future__ import annotations

import sys

from services.exporter.process import run
from services.settings import Settings

sys.exit(run(Settings()))
