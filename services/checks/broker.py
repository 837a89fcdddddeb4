"""The broker: is it there, does it keep what it is given, does it refuse rather than evict."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Iterator
from typing import Any, cast

from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from services import broker
from services.checks.finding import Finding, failed, ok, warning
from services.configuration import shown
from services.lease import RENEWALS_PER_TIMEOUT
from services.settings import Settings

# It is tried four times.
_PATIENCE_SECONDS = 6.0
# A message takes some ten round trips: at this many seconds each, a document in a small batch waits noticeably.
_SLOW_SECONDS = 0.01
_PINGS = 20
# Of clocks that are kept by NTP.
_SKEW_SECONDS = 1.0
# A document that waits alone in its message, measured; in a full batch it is 81.
_WAITING_BYTES = 1200
# A document in the window of near-duplicates (docs/duplicates.md).
_WINDOW_BYTES = 345
_FULL = 0.8
_FAST_DISK_SECONDS = 0.1
_KEY = "efir:check"


def check_broker(settings: Settings) -> Iterator[Finding]:
    client = broker.connect(settings, _PATIENCE_SECONDS)
    try:
        client.ping()
    except AuthenticationError as error:
        yield failed("broker", f"it refuses the password: {error}", "correct the user and password in EFIR_BROKER_URL")
        return
    except (RedisError, OSError) as error:
        todo = "start it, let this machine reach its port, or correct EFIR_BROKER_URL"
        yield failed("broker", f"{shown(settings.broker_url)} does not answer: {error}", todo)
        return
    yield _latency(client)
    try:
        said = client.info()
    except (NoPermissionError, ResponseError) as error:
        yield failed("broker", f"it does not tell its state: {error}", "allow its user INFO, and every key")
        return
    yield _version(said)
    yield _role(said)
    yield _script(client)
    yield from _durability(client, said)
    yield from _memory(settings, said)
    yield _clock(settings, client)


def _latency(client: Redis) -> Finding:
    times = []
    for _ in range(_PINGS):
        started = time.perf_counter()
        client.ping()
        times.append(time.perf_counter() - started)
    said = f"a round trip takes {statistics.median(times) * 1000:.1f} ms"
    if statistics.median(times) > _SLOW_SECONDS:
        return warning("broker: latency", said, "run workers in the same network as the broker")
    return ok("broker: latency", said)


def _version(said: dict[str, Any]) -> Finding:
    """Valkey says for which Redis it stands."""
    is_valkey = "valkey_version" in said
    name = f"Valkey {said['valkey_version']}" if is_valkey else f"Redis {said.get('redis_version', '?')}"
    numbers = [int(number) for number in re.findall(r"\d+", str(said.get("redis_version", "0")))[:2]]
    if numbers < [7, 0]:
        return failed("broker: version", name, "use Valkey, or Redis 7 or later: earlier ones lack the script's flags")
    if numbers < [7, 2]:
        todo = "use Valkey, or Redis 7.2 or later, which say when a message is on disk (WAITAOF)"
        return warning("broker: version", name, todo)
    return ok("broker: version", name)


def _role(said: dict[str, Any]) -> Finding:
    if said.get("cluster_enabled"):
        return failed("broker: role", "it is a cluster", "use one server; a message moves between keys in one step")
    if said.get("role") not in {None, "master"}:
        return failed("broker: role", f"it is a {said['role']}", "name the primary in EFIR_BROKER_URL: efir writes")
    return ok("broker: role", "a server of its own, or a primary")


def _script(client: Redis) -> Finding:
    try:
        client.eval("#!lua flags=allow-oom\nreturn 1", 0)
    except (ResponseError, NoPermissionError) as error:
        return failed("broker: scripts", str(error), "allow its user EVAL; a proxy between must know scripts")
    return ok("broker: scripts", "scripts with flags run")


def _durability(client: Redis, said: dict[str, Any]) -> Iterator[Finding]:
    if not said.get("aof_enabled"):
        todo = "set appendonly yes and appendfsync always; after a restart without them: efir recover"
        yield failed("broker: durability", "appendonly is no: with the process it loses the queues", todo)
        return
    try:
        policy = cast(dict[str, str], client.config_get("appendfsync")).get("appendfsync", "")
    except (NoPermissionError, ResponseError):
        policy = ""
    if not policy:
        todo = "see to it that appendfsync is always, or know that a power failure costs the last second"
        yield warning("broker: durability", "appendonly is yes; it does not tell appendfsync", todo)
    elif policy != "always":
        lost = "the last second" if policy == "everysec" else "what the system had not written"
        todo = "set appendfsync always; after such a failure: efir recover"
        yield warning("broker: durability", f"appendfsync is {policy}: a power failure costs {lost}", todo)
    else:
        yield ok("broker: durability", "what it has answered is on disk (appendonly, appendfsync always)")
    yield _disk(client)


def _disk(client: Redis) -> Finding:
    started = time.perf_counter()
    try:
        with Redis(connection_pool=client.connection_pool, single_connection_client=True) as connection:
            connection.set(_KEY, "1", ex=60)
            written = connection.execute_command("WAITAOF", 1, 0, 5000)
    except (RedisError, ResponseError) as error:
        return warning("broker: disk", f"it does not say when a write is on disk: {error}", "use Valkey or Redis 7.2")
    seconds = time.perf_counter() - started
    if written[0] < 1:
        return failed("broker: disk", "a write was not on disk within 5 s", "look at its disk; admission waits for it")
    said = f"a write was on disk after {seconds * 1000:.0f} ms"
    if seconds > _FAST_DISK_SECONDS:
        return warning("broker: disk", said, "give it a disk of its own, or a faster one; admission waits for it")
    return ok("broker: disk", said)


def _memory(settings: Settings, said: dict[str, Any]) -> Iterator[Finding]:
    policy = said.get("maxmemory_policy", "")
    if policy != "noeviction":
        todo = "set maxmemory-policy noeviction: a full broker must refuse, not forget messages"
        yield failed("broker: eviction", f"maxmemory-policy is {policy or 'not told'}", todo)
    else:
        yield ok("broker: eviction", "maxmemory-policy is noeviction")
    if evicted := int(said.get("evicted_keys", 0)):
        todo = "give it memory, then efir recover: messages may be among them"
        yield failed("broker: eviction", f"it has evicted {evicted:,} keys", todo)
    used, most = int(said.get("used_memory", 0)), int(said.get("maxmemory", 0))
    machine = int(said.get("total_system_memory", 0))
    needed = settings.high_water * _WAITING_BYTES + settings.near_window * _WINDOW_BYTES
    room = most or machine
    of = f"{_megabytes(most)} (maxmemory)" if most else f"{_megabytes(machine)} (its machine's, there is no maxmemory)"
    if not room:
        yield warning("broker: memory", "it tells neither a maxmemory nor its machine's memory", "set maxmemory")
    elif room < needed:
        todo = f"give it {_megabytes(needed)}, or lower EFIR_HIGH_WATER or EFIR_NEAR_WINDOW"
        yield warning("broker: memory", f"{of} may be full before {settings.high_water:,} documents wait", todo)
    elif used > _FULL * room:
        todo = "see with efir queue ls what waits, add workers, or raise maxmemory"
        yield warning("broker: memory", f"{_megabytes(used)} of {of} are used", todo)
    else:
        yield ok("broker: memory", f"{_megabytes(used)} of {of} are used")


def _clock(settings: Settings, client: Redis) -> Finding:
    """A lease is kept in the clocks of workers: one that is far ahead takes what others still hold."""
    before = time.time()
    seconds, micros = client.time()
    after = time.time()
    skew = (before + after) / 2 - (seconds + micros / 1e6)
    said = f"this machine's clock is {abs(skew):.2f} s {'ahead of' if skew > 0 else 'behind'} the broker's"
    if abs(skew) > settings.visibility_timeout / RENEWALS_PER_TIMEOUT:
        return failed("broker: clock", said, "run NTP on both: messages in hand would be given to others")
    if abs(skew) > _SKEW_SECONDS:
        return warning("broker: clock", said, "run NTP on both: ages and leases are wrong by as much")
    return ok("broker: clock", said)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
