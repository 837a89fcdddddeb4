"""A web server for tests, in the test's own event loop: it answers as it is told, also as no honest server would."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from types import MappingProxyType, TracebackType
from typing import NamedTuple


class Request(NamedTuple):
    path: str
    headers: dict[str, str]  # names in lower case


class Answer(NamedTuple):
    """`stream`, when given, is sent after `body`, piece by piece; then there is no Content-Length."""

    status: int = 200
    headers: Mapping[str, str] = MappingProxyType({})
    body: bytes = b""
    stream: Callable[[], AsyncIterator[bytes]] | None = None


Handler = Callable[[Request], Answer]


class Site:
    """Use as an async context manager. `pages` holds what lies under a path: an answer, or what makes one."""

    def __init__(self) -> None:
        self.pages: dict[str, Answer | Handler] = {}
        self.requests: list[Request] = []
        self.open = 0
        self.most_open = 0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Site:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    @property
    def hits(self) -> Counter[str]:
        return Counter(request.path for request in self.requests)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            while (head := await reader.readuntil(b"\r\n\r\n")) and await self._answer(head.decode("latin-1"), writer):
                pass
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            self.open -= 1
            writer.close()

    async def _answer(self, head: str, writer: asyncio.StreamWriter) -> bool:
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        request = Request(first.split()[1], headers)
        self.requests.append(request)
        page = self.pages.get(request.path, Answer(404))
        answer = page if isinstance(page, Answer) else page(request)
        sent = dict(answer.headers)
        if answer.stream is None:
            sent["Content-Length"] = str(len(answer.body))
        else:
            sent["Connection"] = "close"
        lines = [f"HTTP/1.1 {answer.status} Said", *(f"{name}: {value}" for name, value in sent.items())]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + answer.body)
        await writer.drain()
        if answer.stream is None:
            return True
        async for piece in answer.stream():
            writer.write(piece)
            await writer.drain()
        return False
