"""How long to wait until a feed is polled again.

**From how often it changes.** Of the last polls (each counts 0.9 times the one after it) it is known how many found the
feed changed. A poll finds at most one change, however many there were since the one before, so the plain share is too
low; the estimator of Cho and Garcia-Molina corrects for that ("Estimating frequency of change", ACM TOIT 3(3), 2003,
https://doi.org/10.1145/857166.857170): with n polls every I seconds, x of which found a change,

    changes a second = -log((n - x + 0.5) / (n + 0.5)) / I

The feed is polled twice in the mean time between changes. Of feeds that change at random, every hour to every day, it
makes 1.7 polls a change, and a change waits a third of the mean time between two (tests/services/feeds/test_rhythm.py).
From one poll to the next the interval at most doubles or halves: one quiet night is no trend.

**What the sender asks for.** Retry-After always holds, up to a week. Cache-Control: max-age is a lower bound. RSS's ttl
is one up to an hour: software writes it that nobody configured. sy:updatePeriod is only what to begin with, because
every WordPress site says "hourly", newspapers included.

**After errors** the wait doubles from one to the next, up to EFIR_FEED_INTERVAL_MAX.
"""

from __future__ import annotations

import math
import random
import re

from msgspec.structs import replace

from services.feeds.subscriptions import Options, Pulse
from services.settings import Settings

_MEMORY = 0.9
_POLLS_A_CHANGE = 2
_FIRST_INTERVAL = 1800.0
_MOST_TTL = 3600.0
_MOST_RETRY_AFTER = 7 * 86_400.0
# So that feeds that were added together do not stay together.
_JITTER = 0.1
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age\s*=\s*\"?(\d{1,9})", re.IGNORECASE)


def beginning(announced: float | None, settings: Settings) -> float:
    """The interval of a feed that is polled for the first time; `announced` by sy:updatePeriod or ttl."""
    return _within(announced or _FIRST_INTERVAL, settings)


def observed(pulse: Pulse, changed: bool, now: float, settings: Settings) -> Pulse:
    """After a poll that could tell: what is known of the feed's changes, and the interval that follows from it."""
    elapsed = now - pulse.polled
    polls = pulse.polls * _MEMORY + 1
    changes = pulse.changes * _MEMORY + changed
    watched = pulse.watched * _MEMORY + elapsed
    rate = -math.log((polls - changes + 0.5) / (polls + 0.5)) / (watched / polls) if watched > 0 else 0.0
    wanted = 1 / rate / _POLLS_A_CHANGE if rate > 0 else math.inf
    interval = min(max(wanted, pulse.interval / 2), pulse.interval * 2)
    return replace(pulse, polls=polls, changes=changes, watched=watched, interval=_within(interval, settings))


def delay(
    pulse: Pulse, options: Options, settings: Settings, ttl: float | None = None, cache_control: str = ""
) -> float:
    """Seconds until the next poll, after one that went well."""
    wait = options.interval or pulse.interval
    if ttl is not None:
        wait = max(wait, min(ttl, _MOST_TTL))
    if (age := _MAX_AGE.search(cache_control)) is not None and options.interval is None:
        wait = max(wait, min(float(age[1]), settings.feed_interval_max))
    return _jittered(wait)


def delay_after_failure(pulse: Pulse, options: Options, settings: Settings, retry_after: float | None) -> float:
    """Seconds until the next poll after `pulse.failures` failures in a row."""
    usual = options.interval or pulse.interval or settings.feed_interval_min
    wait = min(usual * 2 ** min(pulse.failures, 20), max(usual, settings.feed_interval_max))
    return max(_jittered(wait), min(retry_after or 0.0, _MOST_RETRY_AFTER))


def _within(interval: float, settings: Settings) -> float:
    return min(max(interval, settings.feed_interval_min), settings.feed_interval_max)


def _jittered(seconds: float) -> float:
    return seconds * random.uniform(1 - _JITTER, 1 + _JITTER)
