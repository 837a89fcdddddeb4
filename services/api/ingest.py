"""POST /v1/transcripts: one transcript, a batch, or a file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict

from pipeline.readers import Rejected
from pipeline.transcript import Transcript
from services.admission import Admitted, count_unread
from services.api import body, measures
from services.api.access import Caller
from services.api.backend import Backend
from services.api.documentation import refusals, upload
from services.api.problems import Problem, problem_of
from services.api.reading import Told, Upload, read_upload
from services.api.schemas import Batch, Taken
from services.idempotency import Exchange
from services.keys import Scope

_JSON = "application/json"
_REFUSED = {
    "in-flight": (409, "the request with this Idempotency-Key is being worked on; its answer will be kept"),
    "another-request": (422, "this Idempotency-Key was used for another request; use a new one for each"),
}


class FileFacts(BaseModel):
    """What a file does not say itself. Of several transcripts in a file, only source and language are taken."""

    model_config = ConfigDict(extra="forbid")

    name: str = Query("", max_length=255, description="The file's name, where its media type does not tell the format.")
    title: str = Query("", max_length=1000)
    source: str | None = Query(None, max_length=200)
    language: str | None = Query(None, pattern="^[a-z]{2,3}$", description="ISO 639-1.")
    date: str | None = Query(None, max_length=40, description="ISO 8601; without a zone it is UTC.")
    url: str | None = Query(None, max_length=2000)
    guid: str | None = Query(None, max_length=2000, description="What its sender calls it.")


def routes(backend: Backend) -> APIRouter:
    router = APIRouter()
    may_ingest = Depends(backend.access.may(Scope.INGEST))

    @router.post(
        "/v1/transcripts",
        status_code=202,
        response_model=Taken | Batch,
        responses=refusals(400, 401, 403, 408, 409, 410, 413, 415, 422, 429, 503),
        openapi_extra=upload(backend.settings.api_batch),
        summary="Take in a transcript, a batch, or a file",
        operation_id="ingest",
    )
    async def ingest(
        request: Request,
        facts: Annotated[FileFacts, Query()],
        idempotency_key: Annotated[
            str | None,
            Header(
                min_length=1,
                max_length=255,
                pattern=r"^[\x21-\x7e]+$",
                description="Any word: for a day, the same request under the same word gets the same answer.",
            ),
        ] = None,
        caller: Caller = may_ingest,
    ) -> Response:
        """Answers once the transcripts are stored and enqueued, and nothing can lose them.

        A JSON object, or a file with one transcript, is answered with its id; a JSON array, or a file with several,
        with a list that says of each, in order, what became of it.
        """
        media_type = request.headers.get("content-type", "")
        told = Told(media_type, **facts.model_dump(exclude={"date"}), date=facts.date)
        with body.spool() as file:
            spooled = await body.read_all(request, backend.settings, file)

            def take() -> tuple[int, bytes]:
                try:
                    upload = read_upload(spooled.file, told, backend.settings)  # type: ignore[arg-type]
                except Rejected as rejected:
                    count_unread(rejected)
                    raise
                return 202, msgspec.json.encode(_take(backend, caller, upload))

            if idempotency_key is None:
                status, answer = await run_in_threadpool(take)
                return _answer(status, answer)
            asked = hashlib.sha256(f"{request.url.query}\n{media_type}\n{spooled.digest}".encode()).hexdigest()

            def take_once() -> Response:
                with backend.idempotency.reserve(caller.id, idempotency_key, asked, request.state.id) as held:
                    if isinstance(held, Exchange):
                        assert held.answer is not None
                        return _answer(held.status, held.answer.encode(), {"Idempotency-Replayed": "true"})
                    if isinstance(held, str):
                        status, detail = _REFUSED[held]
                        raise Problem(status, held, detail, retry_after=1 if status == 409 else None)
                    held.keep(*(taken := take()))
                    return _answer(*taken)

            return await run_in_threadpool(take_once)

    return router


def admit(backend: Backend, caller: Caller, items: list[Transcript | Rejected]) -> list[Admitted | Problem]:
    """Take in what can be taken in; what became of each, in order.

    Raises Problem 429 when the caller has sent its share, and what `Admission.admit_all` raises.
    """
    transcripts = [item for item in items if isinstance(item, Transcript)]
    backend.access.spend(caller, len(transcripts))
    taken = iter(backend.admission.admit_all(transcripts) if transcripts else [])
    results: list[Admitted | Problem] = []
    for item in items:
        if isinstance(item, Rejected):
            count_unread(item)
        became = next(taken) if isinstance(item, Transcript) else item
        result = became if isinstance(became, Admitted) else problem_of(became)
        assert result is not None
        measures.document(result)
        results.append(result)
    return results


def _take(backend: Backend, caller: Caller, upload: Upload) -> dict[str, Any]:
    results = admit(backend, caller, upload.items)
    if upload.is_batch:
        return {"results": [{"error": each.body()} if isinstance(each, Problem) else _taken(each) for each in results]}
    (result,) = results
    if isinstance(result, Problem):
        raise result
    return _taken(result)


def _taken(admitted: Admitted) -> dict[str, Any]:
    return {"id": admitted.id, "verdict": admitted.verdict, "status_url": f"/v1/transcripts/{admitted.id}"}


def _answer(status: int, answer: bytes, headers: Mapping[str, str] | None = None) -> Response:
    return Response(answer, status, dict(headers or {}), _JSON)
