"""The parts of the OpenAPI document that cannot be told from the code of the routes."""

from __future__ import annotations

import html
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from pipeline.readers import FORMATS
from services.api import problems
from services.api.schemas import (
    NDJSON,
    Problem,
    RefusedLine,
    TakenLine,
    Transcript,
    record_components,
)

DESCRIPTION = """Media feeds and transcripts go in; sentences, entities, sentiment and topics come out.

Every error is `application/problem+json`: decide by its `reason`. After 429 and 503, try again after `Retry-After`
seconds. Sending a transcript again is harmless. A body may have `Content-Encoding: gzip`."""

_WHEN = {
    400: "The body is not what its headers say.",
    401: "No key, or none that is valid.",
    403: "The key has not the scope.",
    404: "There is no such document.",
    405: "Not with this method.",
    408: "The body came too slowly.",
    409: "The same request is being worked on.",
    410: "It was taken down.",
    413: "Larger, or more, than one request may carry.",
    415: "An encoding that is not read here.",
    422: "Not a request, or not a transcript, that may enter.",
    429: "Too much waits already, or the key has had its share: try again after Retry-After.",
    503: "The store or the broker is away, or the process has too much to do: try again after Retry-After.",
}
_RETRY_AFTER = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}}
_COMPONENT = {"$ref": "#/components/schemas/Transcript"}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: the errors it may answer with."""
    content = {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {
            "description": _WHEN[status],
            "content": content,
            **({"headers": _RETRY_AFTER} if status in {429, 503} else {}),
        }
        for status in statuses
    }


def upload(most: int) -> dict[str, Any]:
    """The request body of POST /v1/transcripts."""
    batch = {"type": "array", "items": _COMPONENT, "minItems": 1, "maxItems": most}
    content: dict[str, Any] = {"application/json": {"schema": {"anyOf": [_COMPONENT, batch]}}}
    for media_type in _media_types():
        content.setdefault(media_type, {"schema": {"type": "string", "format": "binary"}})
    return {"requestBody": {"required": True, "content": content}}


def lines() -> dict[str, Any]:
    """The request body of POST /v1/transcripts:bulk."""
    schema = {"type": "string", "description": "One Transcript as a JSON object in each line."}
    return {"requestBody": {"required": True, "content": {NDJSON: {"schema": schema}}}}


def results() -> dict[int | str, dict[str, Any]]:
    """The answer of POST /v1/transcripts:bulk."""
    schema = {"type": "string", "description": "One TakenLine or RefusedLine as a JSON object in each line."}
    return {200: {"description": "What became of each line, in order.", "content": {NDJSON: {"schema": schema}}}}


def install(app: FastAPI) -> None:
    """Give `app` its OpenAPI document: FastAPI's, with the types that no route names."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
                servers=app.servers,
            )
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            for model in (Problem, Transcript, TakenLine, RefusedLine):
                described = model.model_json_schema(ref_template="#/components/schemas/{model}")
                schemas |= described.pop("$defs", {})
                schemas[model.__name__] = described
            schemas |= record_components()
            for operation in (each for path in document["paths"].values() for each in path.values()):
                # FastAPI describes its own form of error where a route has parameters; ours is another.
                validation = operation["responses"].get("422")
                if validation is not None and problems.MEDIA_TYPE not in validation.get("content", {}):
                    operation["responses"] |= {str(status): each for status, each in refusals(422).items()}
            schemas.pop("HTTPValidationError", None)
            schemas.pop("ValidationError", None)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def page(document: dict[str, Any]) -> str:
    """The operations on one page, without a script, because there may be no network to fetch one from."""
    rows = "".join(
        f"<tr><td>{method.upper()}</td><td><code>{html.escape(path)}</code></td>"
        f"<td>{html.escape(operation.get('summary', ''))}</td></tr>"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    )
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(document['info']['title'])}</title>"
        f"<h1>{html.escape(document['info']['title'])}</h1><p>{html.escape(document['info']['description'])}</p>"
        f"<table>{rows}</table><p>All of it: <a href=/openapi.json>/openapi.json</a></p></html>"
    )


def _media_types() -> list[str]:
    found = {"text/plain"}
    for form in FORMATS.values():
        found |= set(getattr(form, "media_types", ()))
    return sorted(found)
