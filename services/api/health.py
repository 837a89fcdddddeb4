"""How the process is: /healthz, /readyz, /metrics."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from redis.exceptions import RedisError

from services.api.backend import Backend
from services.api.documentation import refusals
from services.api.schemas import Health, Readiness
from services.failures import STORE_IS_AWAY
from services.keys import Scope
from services.metrics.exposition import exposition
from services.pressure import Busy


def routes(backend: Backend) -> APIRouter:
    router = APIRouter()

    @router.get("/healthz", response_model=Health, summary="Whether the process answers", operation_id="health")
    async def healthz() -> Any:
        return {"status": "alive"}

    @router.get(
        "/readyz",
        response_model=Readiness,
        responses={503: {"model": Readiness, "description": "Nothing is taken in now."}},
        summary="Whether documents are taken in now",
        operation_id="readiness",
    )
    def readyz() -> Response:
        found = readiness(backend)
        return Response(
            msgspec.json.encode(found), 200 if found["status"] == "ready" else 503, None, "application/json"
        )

    @router.get(
        "/metrics",
        response_class=Response,
        responses={
            200: {
                "description": "Prometheus' text format, or OpenMetrics when that is asked for.",
                "content": {"text/plain": {}, "application/openmetrics-text": {}},
            },
            **refusals(401, 403, 429, 503),
        },
        dependencies=[Depends(backend.access.may(Scope.READ))],
        summary="What this process counts",
        operation_id="metrics",
    )
    def metrics(request: Request) -> Response:
        body, media_type = exposition("api", request.headers.get("accept"))
        return Response(body, media_type=media_type)

    return router


def readiness(backend: Backend) -> dict[str, str]:
    """What stands in the way of taking documents in, in words that tell a stranger nothing of the installation."""
    store, broker, intake = "up", "up", "open"
    try:
        backend.store.exists("keys/")
    except STORE_IS_AWAY:
        store = "away"
    try:
        backend.pressure.check()
    except Busy:
        intake = "busy"
    except RedisError:
        broker, intake = "away", "unknown"
    is_ready = (store, broker, intake) == ("up", "up", "open")
    return {"status": "ready" if is_ready else "not-ready", "broker": broker, "store": store, "intake": intake}
