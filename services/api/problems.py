"""Errors as callers see them: application/problem+json (RFC 9457, https://www.rfc-editor.org/rfc/rfc9457).

`reason` is the word to decide by, `detail` the sentence to read. `instance` names the request as the log does. What is
not a `Problem` never reaches a caller: it becomes an `internal-error` without a word about its cause.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from pipeline.readers import Rejected
from pipeline.store import StoreRefused
from services import logs
from services.failures import TRANSIENT, cause
from services.pressure import Busy

MEDIA_TYPE = "application/problem+json"
# When the store or the broker is away: long enough to start one of them.
_RETRY_SECONDS = 10.0
_TITLES = {
    400: "The request cannot be understood",
    401: "No valid key",
    403: "The key may not do this",
    404: "There is no such thing",
    405: "This cannot be done here",
    408: "The body came too slowly",
    409: "The same request is being worked on",
    410: "The transcript was taken down",
    413: "Too large",
    415: "Nothing here reads this kind of content",
    422: "The content may not enter",
    429: "Not now",
    500: "Something went wrong here",
    503: "Not available now",
}

log = logs.get("efir.api")


class Problem(Exception):
    """An answer with a status of 400 and more. `retry_after` in seconds; `more`: members beside the standard ones."""

    def __init__(
        self,
        status: int,
        reason: str,
        detail: str,
        *,
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{reason}: {detail}")
        self.status = status
        self.reason = reason
        self.detail = detail
        self.retry_after = retry_after
        self.headers = dict(headers or {})
        self.more = dict(more or {})

    def body(self, instance: str | None = None) -> dict[str, Any]:
        """The members of the problem object."""
        body: dict[str, Any] = {
            "type": f"urn:efir:problem:{self.reason}",
            "title": _TITLES.get(self.status) or HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "reason": self.reason,
        }
        if instance is not None:
            body["instance"] = f"urn:uuid:{instance}"
        if self.retry_after is not None:
            body["retry_after"] = whole_seconds(self.retry_after)
        return body | self.more

    def response(self, instance: str | None = None) -> Response:
        if self.retry_after is not None:
            self.headers["Retry-After"] = str(whole_seconds(self.retry_after))
        return Response(msgspec.json.encode(self.body(instance)), self.status, self.headers, MEDIA_TYPE)


def whole_seconds(seconds: float) -> int:
    """As Retry-After wants them; never 0, which would ask to try again at once."""
    return max(1, math.ceil(seconds))


def problem_of(error: Exception) -> Problem | None:
    """What the errors of everything below the API mean to a caller; None for an error that nobody foresaw."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, Rejected):
        status = 413 if error.reason == "too-large" else 410 if error.reason == "removed" else 422
        return Problem(status, error.reason, error.explanation)
    if isinstance(error, Busy):
        return Problem(429, "busy", str(error), retry_after=error.retry_after)
    if isinstance(error, TRANSIENT):
        # Addresses, keys and buckets are the operator's to know, so they go to the log and not to the caller.
        log.warning("unavailable", cause=cause(error), error=str(error), refused=isinstance(error, StoreRefused))
        return Problem(503, "unavailable", f"the {cause(error)} does not answer", retry_after=_RETRY_SECONDS)
    return None


def install(app: FastAPI) -> None:
    """Answer every error that has a meaning as a problem; what is left is for services/api/exchange.py."""

    async def foreseen(request: Request, error: Exception) -> Response:
        problem = problem_of(error)
        assert problem is not None
        return problem.response(request.state.id)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        reason = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
        detail = f"{request.method} {request.url.path}: {error.detail.lower()}"
        return Problem(error.status_code, reason, detail, headers=error.headers).response(request.state.id)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        wrong = [{"where": ".".join(map(str, each["loc"])), "what": each["msg"]} for each in error.errors()]
        detail = "; ".join(f"{each['where']}: {each['what']}" for each in wrong)
        return Problem(422, "invalid-request", detail, more={"errors": wrong}).response(request.state.id)

    for kind in (Problem, Rejected, Busy, *TRANSIENT):
        app.add_exception_handler(kind, foreseen)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)
