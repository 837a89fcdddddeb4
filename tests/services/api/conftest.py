"""The API as it is served: on a free port, over the session's broker, emptied, and a bucket of the test's own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import Any

import httpx
import pytest

from pipeline.store import ArtifactStore
from services import broker
from services.api import serving
from services.keys import Keys, Scope
from services.settings import Settings

TEXT = "Добрий день, Україно. У Полтаві відкрили новий міст через Ворсклу."


class Served:
    """Use as a context manager. `url` ends without a slash; `get` and the like take a path."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._server = serving(settings, "127.0.0.1", 0)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def __enter__(self) -> Served:
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive()
            threading.Event().wait(0.01)
        self.port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = httpx.Client(base_url=self.url, timeout=30)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        self._server.should_exit = True
        self._thread.join(30)

    def post(self, document: Any, **options: Any) -> httpx.Response:
        return self.client.post("/v1/transcripts", json=document, **options)


Serve = Callable[..., Served]


@pytest.fixture
def serve(settings: Settings, store: ArtifactStore) -> Iterator[Serve]:
    """Serve with these settings changed; several at once share the broker and the bucket."""
    broker.connect(settings).flushdb()
    with ExitStack() as stack:

        def serving(**changes: Any) -> Served:
            changes = {"store_bucket": store._bucket, "api_key_seconds": 0.0, **changes}
            return stack.enter_context(Served(settings.model_copy(update=changes)))

        yield serving


@pytest.fixture
def api(serve: Serve) -> Served:
    return serve()


def key(store: ArtifactStore, *scopes: Scope, **options: Any) -> dict[str, str]:
    """Headers with a new key."""
    _, token = Keys(store).add("tests", scopes or tuple(Scope), **options)
    return {"Authorization": f"Bearer {token}"}
