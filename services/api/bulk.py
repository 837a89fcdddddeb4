"""POST /v1/transcripts:bulk: lines in, a result for each line out, both for as long as the sender sends.

Lines are taken in by hundreds; while one chunk is admitted, in a thread, the next is read. Results wait in a spool, so
that a sender that reads nothing before it has sent all neither stops the server nor fills its memory. What cannot be
taken in now (too much waits, the store is away) ends the taking in, not the answer: every line that is left is told so,
and those are the lines to send again. A line is acknowledged by its result, and nothing that has one can be lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import IO, Any, NamedTuple

import msgspec
from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from pipeline.readers.document import too_large
from services.admission import Admitted
from services.api import body
from services.api.access import Caller
from services.api.backend import Backend
from services.api.documentation import lines as lines_body
from services.api.documentation import refusals, results
from services.api.ingest import admit
from services.api.problems import Problem, problem_of
from services.api.reading import most_json_bytes, read_json
from services.api.schemas import NDJSON
from services.keys import Scope as KeyScope

# A chunk: what admission overlaps well, and what two of them cost in memory.
_CHUNK_LINES = 256
_CHUNK_BYTES = 4 * 1024 * 1024
_PIECE = 64 * 1024


class Line(NamedTuple):
    """`data` is None when the line is too long to be kept."""

    number: int
    data: bytes | None


def routes(backend: Backend) -> APIRouter:
    router = APIRouter()
    may_ingest = Depends(backend.access.may(KeyScope.INGEST))

    @router.post(
        "/v1/transcripts:bulk",
        response_class=Response,
        responses={**results(), **refusals(400, 401, 403, 408, 413, 415, 422, 429, 503)},
        openapi_extra=lines_body(),
        summary="Take in any number of transcripts, one in each line",
        operation_id="bulk",
    )
    async def bulk(request: Request, caller: Caller = may_ingest) -> Response:
        """NDJSON in, NDJSON out: {"line": 1, "id": ..., "verdict": ...} or {"line": 1, "error": {...}} for each line
        that is not blank, in order, while more is still being sent. Send lines whose error has a `retry_after` again.
        When nothing can be taken in at all, the answer is an error instead.
        """
        kind = request.headers.get("content-type", NDJSON).partition(";")[0].strip().lower()
        if kind not in {NDJSON, "application/jsonl", "application/json-lines"}:
            raise Problem(415, "unsupported-media-type", f"{kind} is not read here; {NDJSON} is")
        intake = _Intake(backend, caller)
        await intake.begin(request)
        return _Streamed(intake)

    return router


class _Intake:
    """One stream: reads lines, admits them, and hands out the results."""

    def __init__(self, backend: Backend, caller: Caller) -> None:
        self._backend = backend
        self._caller = caller
        self._most_bytes = most_json_bytes(backend.settings)
        self._number = 0
        self._stopped: Problem | None = None  # why no more lines are taken in
        self._first = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._spool = body.spool()
        self.outbox: _Outbox | None = None

    async def begin(self, request: Request) -> None:
        """Start, and wait for the first results. Raises the error when there is one before any of them."""
        self.outbox = _Outbox(self._spool.__enter__(), self._first.set)
        self._task = asyncio.create_task(self._run(request, self.outbox))
        await asyncio.wait(
            {self._task, first := asyncio.create_task(self._first.wait())}, return_when="FIRST_COMPLETED"
        )
        first.cancel()
        if not self._first.is_set():
            try:
                await self._task
            except BaseException:
                self.close()
                raise

    async def finish(self) -> None:
        """Raises what nobody foresaw."""
        assert self._task is not None
        await self._task

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self._spool.__exit__(None, None, None)

    async def _run(self, request: Request, outbox: _Outbox) -> None:
        try:
            chunks = aiter(self._chunks(request))
            coming = asyncio.create_task(_next(chunks))
            while chunk := await coming:
                coming = asyncio.create_task(_next(chunks))
                try:
                    outbox.put(await run_in_threadpool(self._answers, chunk))
                except BaseException:
                    coming.cancel()
                    raise
        except ClientDisconnect:
            return  # what it was told is kept; what it was not told it sends again
        except Problem as problem:
            if not self._first.is_set():
                raise
            outbox.put(_encode([{"line": self._number + 1, "error": problem.body()}]))
        finally:
            outbox.end()

    def _answers(self, chunk: list[Line]) -> bytes:
        """Admit a chunk; its results as lines. Raises the Problem when it is the first and nothing can be taken in."""
        if self._stopped is None:
            items = [self._read(line) for line in chunk]
            try:
                became = admit(self._backend, self._caller, items)
            except Exception as error:
                problem = problem_of(error)
                if problem is None or not self._first.is_set():
                    raise
                self._stopped = problem
            else:
                return _encode([_result(line, each) for line, each in zip(chunk, became, strict=True)])
        why = self._stopped.body()
        return _encode([{"line": line.number, "error": why} for line in chunk])

    def _read(self, line: Line) -> Any:
        if line.data is None:
            return too_large(self._most_bytes)
        return read_json(line.data, self._backend.settings)

    async def _chunks(self, request: Request) -> AsyncIterator[list[Line]]:
        chunk: list[Line] = []
        size = 0
        try:
            async for line in self._lines(request):
                chunk.append(line)
                size += len(line.data or b"")
                if len(chunk) == _CHUNK_LINES or size >= _CHUNK_BYTES:
                    yield chunk
                    chunk, size = [], 0
        except Problem:
            if chunk:
                yield chunk  # they came whole, whatever came after them
            raise
        if chunk:
            yield chunk

    async def _lines(self, request: Request) -> AsyncIterator[Line]:
        """The lines that are not blank. One that is too long is skipped as it comes."""
        settings = self._backend.settings
        rest, is_skipping = bytearray(), False
        async for piece in body.pieces(request, settings, settings.api_bulk_bytes):
            *ended, last = piece.split(b"\n")
            for part in ended:
                rest += part
                if line := self._line(rest, is_skipping or len(rest) > self._most_bytes):
                    yield line
                rest, is_skipping = bytearray(), False
            rest += last
            if len(rest) > self._most_bytes:
                rest, is_skipping = bytearray(), True
        if line := self._line(rest, is_skipping):
            yield line

    def _line(self, data: bytearray, is_too_long: bool) -> Line | None:
        if self._number >= self._backend.settings.api_bulk_lines:
            most = self._backend.settings.api_bulk_lines
            raise Problem(413, "too-many", f"more than {most:,} lines in one stream (EFIR_API_BULK_LINES)")
        self._number += 1
        if is_too_long:
            return Line(self._number, None)
        return Line(self._number, bytes(data)) if data.strip() else None


class _Outbox:
    """Results on their way to the caller: in memory while it keeps up, else in a file."""

    def __init__(self, file: IO[bytes], on_first: Callable[[], None]) -> None:
        self._file = file
        self._on_first = on_first
        self._read = self._written = 0
        self._changed = asyncio.Event()
        self._is_ended = False

    def put(self, data: bytes) -> None:
        self._file.seek(self._written)
        self._written += self._file.write(data)
        self._on_first()
        self._changed.set()

    def end(self) -> None:
        self._is_ended = True
        self._changed.set()

    async def take(self) -> AsyncIterator[bytes]:
        while True:
            if self._read < self._written:
                self._file.seek(self._read)
                data = self._file.read(_PIECE)
                self._read += len(data)
                yield data
            elif self._is_ended:
                return
            else:
                self._file.seek(0)
                self._file.truncate()
                self._read = self._written = 0
                self._changed.clear()
                await self._changed.wait()


class _Streamed(Response):
    """Starlette's streaming response would read the request to learn of a disconnect, and so take lines from us."""

    media_type = NDJSON

    def __init__(self, intake: _Intake) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._intake = intake

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self._intake.outbox is not None
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async for data in self._intake.outbox.take():
                await send({"type": "http.response.body", "body": data, "more_body": True})
            await self._intake.finish()
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._intake.close()


async def _next(chunks: AsyncIterator[list[Line]]) -> list[Line] | None:
    return await anext(chunks, None)


def _result(line: Line, became: Admitted | Problem) -> dict[str, Any]:
    if isinstance(became, Problem):
        return {"line": line.number, "error": became.body()}
    return {"line": line.number, "id": became.id, "verdict": became.verdict}


def _encode(lines: list[dict[str, Any]]) -> bytes:
    return b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
