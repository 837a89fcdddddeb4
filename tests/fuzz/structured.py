"""Valid files broken where it matters: pieces taken out, doubled, moved, and tokens of the format put in."""

from __future__ import annotations

import time

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.fuzz.properties import check
from tests.fuzz.samples import Sample

_ROUND = 200


def broken(sample: Sample) -> st.SearchStrategy[bytes]:
    """Files that are like the sample."""
    size = len(sample.data)
    place = st.integers(0, size)
    token = st.one_of(st.sampled_from(sample.tokens), st.binary(max_size=4))
    step = st.one_of(
        st.tuples(st.just("in"), place, place, st.lists(token, min_size=1, max_size=3).map(b"".join)),
        st.tuples(st.just("out"), place, st.integers(0, 60), st.just(b"")),
        st.tuples(st.just("twice"), place, st.integers(0, 200), st.just(b"")),
        st.tuples(st.just("over"), place, place, token),
        st.tuples(st.just("again"), place, st.integers(2, 50), token),
    )
    return st.lists(step, max_size=6).map(lambda steps: _applied(sample.data, steps))


def _applied(data: bytes, steps: list[tuple[str, int, int, bytes]]) -> bytes:
    for kind, at, number, token in steps:
        if kind == "in":
            data = data[:at] + token + data[at:]
        elif kind == "out":
            data = data[:at] + data[at + number :]
        elif kind == "twice":
            data = data[: at + number] + data[at:]
        elif kind == "over":
            data = data[:at] + token + data[at + len(token) :]
        else:
            data = data[:at] + token * number + data[at:]
    return data


def fuzz(sample: Sample, seconds: float) -> int:
    """Check broken files for so long; returns how many. Raises what a file broke, with the smallest such file."""
    done = 0

    @given(broken(sample))
    @settings(
        max_examples=_ROUND,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    def one(data: bytes) -> None:
        nonlocal done
        done += 1
        check(data, sample.name)

    started = time.monotonic()
    while time.monotonic() - started < seconds:
        one()
    return done
