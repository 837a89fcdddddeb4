"""`python -m services.feeds`: a poller on the broker and store of the settings."""

from __future__ import annotations

import sys

if __name__ == "__main__":  # the processes that parse import this module, and need none of it
    from services.feeds.process import run
    from services.settings import Settings

    sys.exit(run(Settings()))
