"""Looking at everything Efir depends on, before it has to: `efir config check`.

Each module looks at one thing and yields findings. Nothing is left behind: what is written for a test is removed.
"""

from __future__ import annotations

from collections.abc import Iterator

from services.checks.broker import check_broker
from services.checks.environment import check_environment
from services.checks.finding import Finding, State
from services.checks.machine import check_machine
from services.checks.models import check_models
from services.checks.store import check_store
from services.checks.traces import check_traces
from services.settings import Settings

__all__ = ["Finding", "State", "check_all", "check_environment"]


def check_all(settings: Settings, *, is_embedded: bool) -> Iterator[Finding]:
    """Everything that can be told with valid settings, which name a broker and a store; streamed.

    `is_embedded`: both are servers of this machine's own, with its disk and memory.
    """
    yield from check_broker(settings)
    yield from check_store(settings, is_embedded=is_embedded)
    yield from check_models(settings)
    yield from check_machine(settings, is_embedded=is_embedded)
    yield from check_traces(settings)
