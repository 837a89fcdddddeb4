"""Who asks, and whether they may: API keys with scopes and rates, or, as long as there is no key, this machine.

Open to this machine means what a person at it does with curl. A request that came through a proxy, that a web page
made (it has an Origin) or that was sent to another name (DNS rebinding) is somebody else's, wherever it connects from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated

from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from redis.exceptions import RedisError

from services import logs
from services.api.problems import Problem, whole_seconds
from services.keys import Keyring, Scope
from services.rates import Allowance, Rates
from services.settings import Settings

_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="efir"'}
_REFUSED = {"WWW-Authenticate": 'Bearer realm="efir", error="invalid_token"'}

log = logs.get("efir.api")

bearer = HTTPBearer(
    auto_error=False,
    scheme_name="key",
    description="An API key, as `efir keys add` prints it. As long as no key was ever made, callers on the API's own "
    "machine need none, unless EFIR_API_OPEN is `never`.",
)


@dataclass(frozen=True)
class Caller:
    """`id` is the key's id, or `loopback`. A rate of None is no limit."""

    id: str
    scopes: tuple[Scope, ...]
    requests_per_minute: int | None
    documents_per_minute: int | None


LOOPBACK = Caller("loopback", tuple(Scope), None, None)


class Access:
    def __init__(self, settings: Settings, keyring: Keyring, rates: Rates) -> None:
        self._settings = settings
        self._keyring = keyring
        self._rates = rates

    def may(self, scope: Scope) -> Callable[..., Caller]:
        """A dependency that gives the caller, if the request has a key with `scope`. Raises Problem 401, 403 or 429."""

        def caller(
            request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]
        ) -> Caller:
            who = self._identify(request, credentials)
            request.state.caller = who.id
            if scope not in who.scopes:
                has = ", ".join(who.scopes)
                raise Problem(403, "insufficient-scope", f"this needs a key with scope {scope}; this one has {has}")
            self._count(request, who, scope)
            return who

        return caller

    def spend(self, caller: Caller, documents: int) -> None:
        """Count documents. Raises Problem 429 when the caller has sent its share of this minute."""
        if caller.documents_per_minute is None or not documents:
            return
        allowed = self._rates.take(caller.id, "documents", caller.documents_per_minute, documents)
        if not allowed.is_granted:
            raise _too_many("documents", caller.documents_per_minute, allowed)

    def _identify(self, request: Request, credentials: HTTPAuthorizationCredentials | None) -> Caller:
        if credentials is None:
            if self._settings.api_open == "auto" and self._keyring.is_empty() and _is_from_here(request):
                return LOOPBACK
            detail = "send Authorization: Bearer and a key; efir keys add makes one"
            raise Problem(401, "no-key", detail, headers=_CHALLENGE)
        key = self._keyring.find(credentials.credentials)
        if key is None:
            raise Problem(401, "invalid-key", "there is no such key, or it has expired", headers=_REFUSED)
        return Caller(
            id=key.id,
            scopes=key.scopes,
            requests_per_minute=key.requests_per_minute or self._settings.api_requests_per_minute,
            documents_per_minute=key.documents_per_minute or self._settings.api_documents_per_minute,
        )

    def _count(self, request: Request, caller: Caller, scope: Scope) -> None:
        if caller.requests_per_minute is None:
            return
        try:
            allowed = self._rates.take(caller.id, "requests", caller.requests_per_minute)
        except RedisError as error:
            if scope is not Scope.READ:
                raise
            # What is in the store can be read without the broker, and is all the more asked for when it is away.
            log.warning("rates are not counted", error=str(error))
            return
        request.state.headers |= _rate_headers("requests", caller.requests_per_minute, allowed)
        if not allowed.is_granted:
            raise _too_many("requests", caller.requests_per_minute, allowed)


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _is_from_here(request: Request) -> bool:
    return (
        request.client is not None
        and is_loopback(request.client.host)
        and is_loopback(request.url.hostname or "")
        and "origin" not in request.headers
        and not any(name in request.headers for name in _FORWARDED)
    )


def _too_many(what: str, per_minute: int, allowed: Allowance) -> Problem:
    detail = f"the key may send {per_minute:,} {what} a minute"
    return Problem(429, "rate-limited", detail, retry_after=allowed.retry_after)


def _rate_headers(what: str, per_minute: int, allowed: Allowance) -> dict[str, str]:
    """https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/"""
    reset = "" if allowed.is_granted else f";t={whole_seconds(allowed.retry_after)}"
    return {"RateLimit-Policy": f'"{what}";q={per_minute};w=60', "RateLimit": f'"{what}";r={allowed.left}{reset}'}
