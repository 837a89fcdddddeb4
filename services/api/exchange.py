"""What every request goes through: an id, a place among the open ones, headers, the log line, the measures.

Plain ASGI, because Starlette's middleware base class would read bodies and answers on its own terms.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services import logs
from services.api import measures
from services.api.problems import Problem

# Nothing here is a page with scripts, and an answer that somebody caches outlives a takedown.
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
# Asked by whoever watches the process, above all when it has too much to do.
_ALWAYS = ("/healthz", "/readyz", "/metrics")
# A connection that is closed while its sender still sends loses the answer on the way. So what is still sent after
# an early answer is read and dropped, for a while.
_LINGER_SECONDS = 1.0
_LINGER_BYTES = 4 * 1024 * 1024

log = logs.get("efir.api")


class Exchange:
    def __init__(self, app: ASGIApp, most_open: int) -> None:
        self._app = app
        self._most_open = most_open
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["id"] = str(uuid.uuid4())
        state["headers"] = {}
        answer = _Answer(scope, receive, send)
        started = time.perf_counter()
        self._open += 1
        try:
            await self._run(scope, answer)
        finally:
            self._open -= 1
            seconds = time.perf_counter() - started
            route = getattr(scope.get("route"), "path", "none")
            measures.request(route, scope["method"], answer.status, seconds)
            log.info(
                "request",
                request=state["id"],
                method=scope["method"],
                route=route,
                status=answer.status,
                seconds=round(seconds, 4),
                caller=state.get("caller"),
            )

    async def _run(self, scope: Scope, answer: _Answer) -> None:
        request = scope["state"]["id"]
        if self._open > self._most_open and scope["path"] not in _ALWAYS:
            detail = f"{self._most_open} requests are open in this process (EFIR_API_REQUESTS)"
            await Problem(503, "overloaded", detail, retry_after=1).response(request)(
                scope, answer.receive, answer.send
            )
            return
        try:
            await self._app(scope, answer.receive, answer.send)
        except ClientDisconnect:
            return  # nobody is there to be told
        except Exception:
            log.exception("internal error", request=request, method=scope["method"], path=scope["path"])
            if answer.status:
                raise  # it has begun; that the connection breaks tells the caller that it did not end well
            problem = Problem(500, "internal-error", f"it is in the log as request {request}")
            await problem.response(request)(scope, answer.receive, answer.send)


class _Answer:
    """Both directions of one request: adds headers, notes the status, and lets the sender finish."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._state: dict[str, Any] = scope["state"]
        headers = {name for name, _ in scope["headers"]}
        self._is_read = not headers & {b"content-length", b"transfer-encoding"}
        self.status = 0

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            self._is_read = True
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in (_HEADERS | self._state["headers"]).items():
                headers.setdefault(name, value)
            headers["X-Request-Id"] = self._state["id"]
            if not self._is_read:
                headers["Connection"] = "close"  # or the server would take what is still sent for ever
            await self._send(message)
        elif self._is_read or message.get("more_body"):
            await self._send(message)
        else:
            await self._send({**message, "more_body": True})
            await self._linger()
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _linger(self) -> None:
        left = _LINGER_BYTES
        try:
            async with asyncio.timeout(_LINGER_SECONDS):
                while not self._is_read and left > 0:
                    left -= len((await self.receive()).get("body", b""))
        except TimeoutError:
            return
