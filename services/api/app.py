"""The HTTP API, put together."""

from __future__ import annotations

from typing import Any

import uvicorn
from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from services.api import backend as backends
from services.api import bulk, documentation, documents, health, ingest, problems
from services.api.exchange import Exchange
from services.settings import Settings

# A request's head: a key, a long query and what a proxy adds.
_HEAD_BYTES = 32 * 1024


def serving(settings: Settings, host: str, port: int) -> uvicorn.Server:
    """A server of the API, to be run; port 0 takes a free one."""
    config = uvicorn.Config(
        create(settings),
        host=host,
        port=port,
        http="h11",
        h11_max_incomplete_event_size=_HEAD_BYTES,
        log_config=None,
        access_log=False,  # the API writes its own, with the request's id
        server_header=False,
        proxy_headers=False,  # who calls is told by keys, and an address that a header gives is anybody's
        timeout_graceful_shutdown=int(settings.stop_seconds),
    )
    return uvicorn.Server(config)


def create(settings: Settings) -> FastAPI:
    """The application, over the broker and the store of `settings`."""
    backend = backends.connect(settings)
    app = FastAPI(
        title="Efir",
        version="1",
        description=documentation.DESCRIPTION,
        docs_url=None,  # its pages fetch their scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    for module in (ingest, bulk, documents, health):
        app.include_router(module.routes(backend))
    problems.install(app)
    documentation.install(app)

    @app.get("/docs", include_in_schema=False)
    async def page() -> Any:
        return HTMLResponse(documentation.page(app.openapi()))

    app.add_middleware(Exchange, most_open=settings.api_requests)
    return app
