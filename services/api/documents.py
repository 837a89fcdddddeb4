"""What is there: the status and record of one document, its artifacts, all documents page by page; and the takedown."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from pipeline.artifact import decode
from pipeline.identity import place_of_id
from pipeline.store import CONLLU, JSON, NotFound, artifact_key, conllu_key, document_key
from pipeline.takedown import removal_of, take_down
from pipeline.transcript import Document, Place, source_slug
from services import logs
from services.api.access import Caller
from services.api.backend import Backend
from services.api.documentation import refusals
from services.api.problems import Problem
from services.api.schemas import ID, DocumentId, Page, Removed, Stage, Status
from services.catalogue import BadCursor, Wanted
from services.keys import Scope
from services.status import StageState, State, status_of

_MOST_ITEMS = 200
_OF_STAGE = ("present", "missing", "quarantined")
_OF_DOCUMENT = ("waiting", "processing", "recorded", "quarantined", "unsupported-language")

log = logs.get("efir.api")

Id = Annotated[DocumentId, Path(pattern=ID)]


class Filter(BaseModel):
    """Bounds of a listing. Days are those that documents lie under: published, or taken in."""

    model_config = ConfigDict(extra="forbid")

    source: str | None = Query(None, min_length=1, max_length=200)
    first: dt.date | None = Field(None, alias="from", description="First day.")
    last: dt.date | None = Field(None, alias="to", description="Last day.")
    stage: Stage | None = Query(None, description="Then status is that of the stage: present, missing, quarantined.")
    status: State | StageState | None = None
    limit: int = Query(50, ge=1, le=_MOST_ITEMS)
    cursor: str | None = Query(None, max_length=300, description="What the page before gave as next.")


def routes(backend: Backend) -> APIRouter:
    router = APIRouter()
    may_remove = Depends(backend.access.may(Scope.ADMIN))
    reader = Depends(backend.access.may(Scope.READ))

    @router.get(
        "/v1/transcripts",
        response_model=Page,
        responses=refusals(401, 403, 422, 429, 503),
        dependencies=[reader],
        summary="List documents, page by page",
        operation_id="list",
    )
    def listing(bounds: Annotated[Filter, Query()]) -> Response:
        """In the order of days, sources and ids. One request looks at a bounded part of the store: a page may hold
        fewer items than asked for, even none, and still name a next one.
        """
        allowed = _OF_STAGE if bounds.stage else _OF_DOCUMENT
        if bounds.status is not None and bounds.status not in allowed:
            what = f"of a stage is one of {', '.join(_OF_STAGE)}" if bounds.stage else "without a stage is a document's"
            raise Problem(422, "invalid-request", f"status: {bounds.status}: a status {what}")
        wanted = Wanted(
            source=source_slug(bounds.source) if bounds.source else None,
            first=bounds.first,
            last=bounds.last,
            stage=bounds.stage,
            status=bounds.status,
        )
        try:
            page = backend.catalogue.page(wanted, bounds.cursor, bounds.limit)
        except BadCursor as error:
            raise Problem(422, "bad-cursor", f"cursor: {error}") from None
        return _json(page)

    @router.get(
        "/v1/transcripts/{id}",
        response_model=Status,
        responses=refusals(401, 403, 404, 410, 422, 429, 503),
        dependencies=[reader],
        summary="Where a document is on its way, and its record",
        operation_id="status",
    )
    def status(id: Id) -> Response:
        found = status_of(backend.store, backend.bundles, _place(backend, id))
        if found is None:
            raise _unknown(id)
        return _json(found)

    @router.get(
        "/v1/transcripts/{id}/artifacts/{stage}",
        response_class=Response,
        responses={
            200: {
                "description": "The artifact, as docs/data-format.md describes it.",
                "content": {JSON: {"schema": {"type": "object"}}, "text/plain": {"schema": {"type": "string"}}},
            },
            **refusals(401, 403, 404, 410, 422, 429, 503),
        },
        dependencies=[reader],
        summary="What one stage said",
        operation_id="artifact",
    )
    def artifact(
        id: Id,
        stage: Stage,
        fingerprint: Annotated[
            str | None, Query(pattern="^[0-9a-f]{4,64}$", description="Which version; today's when not given.")
        ] = None,
        form: Annotated[
            Literal["json", "conllu"], Query(alias="format", description="CoNLL-U is the parse's alone.")
        ] = "json",
    ) -> Response:
        if form == "conllu" and stage != "parse":
            raise Problem(422, "invalid-request", f"format: {stage} has no CoNLL-U; parse has")
        place = _place(backend, id)
        fingerprint = fingerprint or _current(backend, place, stage)
        key = conllu_key(fingerprint, place) if form == "conllu" else artifact_key(stage, fingerprint, place)
        try:
            data = backend.store.get(key)
        except NotFound:
            raise Problem(404, "no-artifact", f"{id} has no artifact of {stage} {fingerprint} (yet)") from None
        return Response(data, headers={"ETag": f'"{fingerprint}"'}, media_type=CONLLU if form == "conllu" else JSON)

    @router.delete(
        "/v1/transcripts/{id}",
        response_model=Removed,
        responses=refusals(401, 403, 404, 422, 429, 503),
        summary="Take a document down, for ever",
        operation_id="takedown",
    )
    def takedown(id: Id, caller: Caller = may_remove) -> Response:
        """Removes the document, its record and all artifacts, and remembers its id: neither its text nor another
        revision of its story may enter again. When it fails on the way, ask again.
        """
        removal = take_down(backend.store, id, caller.id)
        if removal is None:
            raise _unknown(id)
        log.info("taken down", document=id, by=removal.by)
        return _json({"id": id, "status": "removed", "predecessor": removal.predecessor, "at": removal.at})

    return router


def _place(backend: Backend, document_id: str) -> Place:
    """Raises Problem 404, or 410 for what was taken down, be it finished or not."""
    if removal_of(backend.store, document_id) is not None:
        raise Problem(410, "removed", f"{document_id} was taken down")
    place = place_of_id(backend.store, document_id)
    if place is None:
        raise _unknown(document_id)
    return place


def _current(backend: Backend, place: Place, stage: str) -> str:
    try:
        document = decode(backend.store.get(document_key(place)), Document, document_key(place))
    except NotFound:
        raise _unknown(place.id) from None
    bundle = backend.bundles.get(document.language)
    if bundle is None:
        raise Problem(404, "no-artifact", f"{place.id} is in {document.language}, which no bundle here is for")
    return bundle.fingerprints[stage]


def _unknown(document_id: str) -> Problem:
    return Problem(404, "unknown-document", f"no document {document_id} was admitted here")


def _json(answer: Any) -> Response:
    return Response(msgspec.json.encode(answer), media_type=JSON)
