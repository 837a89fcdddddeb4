"""Where spans go, if they do: EFIR_TRACES."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

from services import traces
from services.checks.finding import Finding, failed, ok, warning
from services.settings import Settings

_WHAT = "traces"
_SECONDS = 3.0


def check_traces(settings: Settings) -> Iterator[Finding]:
    """Nothing when there are to be none. A collector is only connected to: what it does with spans, it does not say."""
    if settings.traces is None:
        return
    try:
        traces.check(settings)
    except traces.TracesError as error:
        yield failed(_WHAT, str(error), "install it, or unset EFIR_TRACES: workers do not start")
        return
    address = urlsplit(settings.traces)
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        socket.create_connection((address.hostname or "", port), _SECONDS).close()
    except OSError as error:
        found = f"nothing answers at {address.hostname}:{port}: {error}"
        yield warning(_WHAT, found, "spans are dropped until the collector runs and can be reached from here")
    else:
        yield ok(_WHAT, f"something answers at {address.hostname}:{port}")
