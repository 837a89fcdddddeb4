"""What a process answers when it is scraped: OpenMetrics when the scraper asks for it, Prometheus' text otherwise.

https://prometheus.io/docs/specs/om/open_metrics_spec/ and
https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import platform
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Protocol
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, ProcessCollector, make_wsgi_app, multiprocess
from prometheus_client.core import Metric
from prometheus_client.exposition import ThreadingWSGIServer, choose_encoder

from services import metrics
from services.metrics.forms import Measured, Process
from services.version import version

Health = Callable[[], tuple[bool, str]]


class Collector(Protocol):
    def collect(self) -> Iterable[Metric]: ...


class _Build:
    def collect(self) -> Iterator[Metric]:
        family = metrics.versions.build_info.new()
        family.add_metric([version(), platform.python_version()], 1)
        yield family


def registry(process: Process, collectors: Iterable[Collector] = (), shared: Path | None = None) -> CollectorRegistry:
    """What a process of this kind exports: what it measures, or those that share the folder `shared` did; what its
    `collectors` read; and what it is.
    """
    found = CollectorRegistry()
    if shared is not None:
        multiprocess.MultiProcessCollector(found, str(shared))  # type: ignore[no-untyped-call]
    else:
        found.register(Measured(process))
    for collector in (_Build(), *collectors):
        found.register(collector)
    ProcessCollector(registry=found)
    return found


@cache
def _own(process: Process) -> CollectorRegistry:
    return registry(process)


def exposition(process: Process, accept: str | None = None) -> tuple[bytes, str]:
    """The body and the media type of the answer to a scrape with the header `Accept: {accept}`."""
    encode, media_type = choose_encoder(accept or "")
    return encode(_own(process)), media_type


def serve(host: str, port: int, registry: CollectorRegistry, health: Health = lambda: (True, "up\n")) -> str:
    """Serve `registry` under every path but /healthz, which is 503 while `health` says no; returns the address.

    Raises OSError when the port is taken; 0 chooses a free one.
    """
    metrics_app: Any = make_wsgi_app(registry)

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"] != "/healthz":
            return metrics_app(environ, start_response)
        is_healthy, said = health()
        status = "200 OK" if is_healthy else "503 Service Unavailable"
        start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
        return [said.encode()]

    server = make_server(host, port, app, ThreadingWSGIServer, handler_class=_Silent)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return f"http://{host}:{server.server_port}/metrics"


class _Silent(WSGIRequestHandler):
    timeout = 10  # seconds for a request's head; a scraper that hangs must not keep a thread

    def log_message(self, format: str, *args: Any) -> None:
        """A scrape every few seconds is nothing to log."""
