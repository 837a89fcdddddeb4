"""Connecting to the very address that was checked.

A name is resolved once, every address it has is checked, and the connection goes to one of these, not to the name: a
name server that answers with a public address first and with 127.0.0.1 a moment later (DNS rebinding) is asked only
once. TLS and the Host header keep the name. httpx has no place to decide this; httpcore, its transport, has: a network
backend (https://www.encode.io/httpcore/network-backends/).
"""

from __future__ import annotations

import asyncio
import importlib.util
import socket
import sys
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpcore

from services.addresses import Allowed

# The addresses of a host name, as text; raises OSError when it has none.
Resolve = Callable[[str, int], Awaitable[list[str]]]

# getaddrinfo blocks a thread, for up to half a minute with a name server that is silent.
_RESOLVERS = ThreadPoolExecutor(32, thread_name_prefix="dns")
# httpcore looks for this package at every lock. Where it is not installed, looking for it along the whole path takes a
# sixth of the time of a fetch; this makes it be not found at once.
if importlib.util.find_spec("sniffio") is None:
    sys.modules["sniffio"] = None  # type: ignore[assignment]

# Of one name: when these do not answer, neither will the others in the time there is.
_MOST_ADDRESSES = 4


class RefusedAddress(Exception):
    """The host is, or resolves to, an address that may not be connected to."""


class NoAddress(Exception):
    """The name does not resolve."""


async def resolve(host: str, port: int) -> list[str]:
    """Ask the system. Raises OSError."""
    found = await asyncio.get_running_loop().run_in_executor(
        _RESOLVERS, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    )
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class CheckedBackend(httpcore.AsyncNetworkBackend):
    def __init__(self, allowed: Allowed, resolver: Resolve) -> None:
        self._allowed = allowed
        self._resolve = resolver
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises RefusedAddress, NoAddress, and httpcore's errors of connecting."""
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._resolve(host, port)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("its name server does not answer") from error
        except (OSError, UnicodeError) as error:
            raise NoAddress(getattr(error, "strerror", None) or str(error)) from error
        # One bad address is enough: a name that mixes public and private addresses means no good.
        for address in addresses:
            if (why := self._allowed.refusal(host, address)) is not None:
                raise RefusedAddress(f"{address} is {why}; EFIR_FETCH_ALLOW may allow it")
        tried = addresses[:_MOST_ADDRESSES]
        problem: Exception = NoAddress("it has no address")
        for address in tried:
            try:
                return await self._inner.connect_tcp(
                    address, port, timeout and timeout / len(tried), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
        raise problem

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.AsyncNetworkStream:
        raise RefusedAddress("a socket of this machine")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
