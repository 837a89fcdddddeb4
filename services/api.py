"""The HTTP door: documents in, with the status codes that senders know how to treat.

202  taken in, and nothing can lose it now; {"id": ...}
413  larger than EFIR_MAX_DOCUMENT_BYTES
422  may not enter; {"reason": ..., "explanation": ...}
429  too much waits already; try again after Retry-After seconds
503  the store or the broker does not answer; try again after Retry-After seconds
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from pipeline.models.bundle import installed
from pipeline.readers import Rejected, transcript_json
from services import broker
from services.admission import Admission, Admitted
from services.failures import TRANSIENT
from services.object_store import connect_store
from services.pressure import Busy
from services.settings import Settings

_RETRY_SECONDS = 10


def create(settings: Settings) -> FastAPI:
    app = FastAPI(title="Efir", description="Documents into the pipeline.", version="1")
    admission = Admission(settings, connect_store(settings), broker.create_app(settings), installed(settings.bundles))

    def take(data: bytes) -> Admitted:
        admitted = admission.admit(transcript_json.read(data, ""))
        admission.enqueue([admitted])
        admission.secure()
        return admitted

    @app.post("/documents", status_code=202, summary="Admit one transcript, as docs/data-format.md describes it")
    async def documents(request: Request) -> Any:
        data = b""
        async for part in request.stream():
            data += part
            if len(data) > settings.max_document_bytes:
                return _refusal(413, "too-large", f"more than {settings.max_document_bytes:,} bytes")
        try:
            admitted = await run_in_threadpool(take, data)
        except Rejected as rejected:
            return _refusal(422, rejected.reason, rejected.explanation)
        except Busy as busy:
            return _refusal(429, "busy", str(busy), busy.retry_after)
        except TRANSIENT as error:
            return _refusal(503, "unavailable", str(error), _RETRY_SECONDS)
        return {"id": admitted.place.id}

    return app


def _refusal(status: int, reason: str, explanation: str, retry_after: float | None = None) -> JSONResponse:
    headers = {"Retry-After": f"{retry_after:.0f}"} if retry_after is not None else None
    return JSONResponse({"reason": reason, "explanation": explanation}, status, headers)
