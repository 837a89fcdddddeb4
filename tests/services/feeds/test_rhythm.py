"""How often a feed is polled, for feeds that change as often as they like."""

from __future__ import annotations

import random

import pytest

from services.feeds import rhythm
from services.feeds.subscriptions import Options, Pulse
from services.settings import Settings

SETTINGS = Settings(feed_interval_min=300, feed_interval_max=86_400)


def follow(mean: float, days: float, interval: float = 1800) -> tuple[Pulse, float, int]:
    """Poll a feed that changes at random, once in `mean` seconds; how it is known then, the mean age of its news when
    they were found, in seconds, and how often it was polled."""
    chance = random.Random(7)
    pulse, now, polls = Pulse(interval=interval), 0.0, 0
    change, ages = chance.expovariate(1 / mean), list[float]()
    while now < days * 86_400:
        now += pulse.interval
        polls += 1
        found = 0
        while change <= now:
            ages.append(now - change)
            change += chance.expovariate(1 / mean)
            found += 1
        pulse = rhythm.observed(pulse, found > 0, now, SETTINGS)
        pulse = Pulse(
            **{name: getattr(pulse, name) for name in ("interval", "polls", "changes", "watched")}, polled=now
        )
    return pulse, sum(ages) / len(ages) if ages else 0.0, polls


def test_a_busy_feed_is_polled_often_and_a_quiet_one_seldom() -> None:
    assert follow(mean=60, days=2)[0].interval == 300
    assert follow(mean=30 * 86_400, days=20)[0].interval == 86_400


@pytest.mark.parametrize("hours", [2, 6, 24])
def test_news_waits_about_a_quarter_of_the_time_between_changes(hours: float) -> None:
    mean = hours * 3600
    _, age, polls = follow(mean, days=hours * 30)
    assert 0.15 * mean < age < 0.5 * mean
    changes = hours * 30 * 86_400 / mean
    assert 1.2 * changes < polls < 4 * changes


def test_one_poll_does_not_change_much() -> None:
    pulse = Pulse(interval=1000, polled=0)
    assert rhythm.observed(pulse, True, 1000, SETTINGS).interval >= 500
    assert rhythm.observed(pulse, False, 1000, SETTINGS).interval <= 2000


def test_what_the_sender_asks_for_is_a_lower_bound_where_it_makes_sense() -> None:
    pulse, usual = Pulse(interval=600), Options()
    assert rhythm.delay(pulse, usual, SETTINGS) == pytest.approx(600, rel=0.11)
    assert rhythm.delay(pulse, usual, SETTINGS, ttl=1800) == pytest.approx(1800, rel=0.11)
    assert rhythm.delay(pulse, usual, SETTINGS, ttl=86_400) == pytest.approx(3600, rel=0.11)
    assert rhythm.delay(pulse, usual, SETTINGS, cache_control="public, Max-Age=7200") == pytest.approx(7200, rel=0.11)
    assert rhythm.delay(pulse, usual, SETTINGS, cache_control="s-max-age=9") == pytest.approx(600, rel=0.11)
    assert rhythm.delay(pulse, Options(interval=60), SETTINGS, cache_control="max-age=900") == pytest.approx(
        60, rel=0.11
    )
    assert rhythm.beginning(21_600, SETTINGS) == 21_600
    assert rhythm.beginning(None, SETTINGS) == 1800


def test_errors_are_met_with_growing_patience_up_to_a_bound() -> None:
    waits = [
        rhythm.delay_after_failure(Pulse(interval=600, failures=failures), Options(), SETTINGS, None)
        for failures in (1, 2, 3, 50)
    ]
    assert waits == pytest.approx([1200, 2400, 4800, 86_400], rel=0.11)
    month = 30 * 86_400
    assert rhythm.delay_after_failure(Pulse(interval=600, failures=1), Options(), SETTINGS, month) == 7 * 86_400
