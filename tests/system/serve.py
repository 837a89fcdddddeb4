"""The servers of an embedded installation without a worker, kept up by their supervisor: `python -m ... STATE`."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

from services.cli.installation import stopping_in_order
from services.embedded import Embedded
from services.settings import Settings

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with stopping_in_order(), Embedded(Settings(state=Path(sys.argv[1]))) as embedded:
        print("ready", flush=True)
        while True:
            embedded.tend()
            time.sleep(0.1)
