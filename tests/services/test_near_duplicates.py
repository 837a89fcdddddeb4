"""The window of near-duplicates on a real broker."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import structlog.testing
from redis import Redis

from pipeline import likeness
from services import broker, near_duplicates
from services.near_duplicates import KEYS, Match, Window
from services.settings import Settings

A, B, C, D = (f"{letter * 16}-{letter * 8}" for letter in "abcd")
HOUR = 3600.0


def revision(name: str, number: int) -> str:
    return f"{name[:17]}{number:08x}"


def new_signature(rng: random.Random) -> bytes:
    return rng.randbytes(likeness.PERMUTATIONS)


def like(signature: bytes, share: float, rng: random.Random) -> bytes:
    """A signature of which about this share of bytes is the same."""
    kept = rng.sample(range(len(signature)), round(share * len(signature)))
    result = bytearray((byte + rng.randint(1, 255)) % 256 for byte in signature)
    for at in kept:
        result[at] = signature[at]
    return bytes(result)


@pytest.fixture
def rng() -> random.Random:
    return random.Random(5)


@pytest.fixture
def client(settings: Settings) -> Iterator[Redis]:
    client = broker.connect(settings)
    client.flushdb()
    yield client
    client.delete(*KEYS)


def window(client: Redis, entries: int = 1000, least: float = 0.4, days: float = 30) -> Window:
    return Window(client, entries, least, days)


def fill(window: Window, count: int, rng: random.Random) -> None:
    for _ in range(0, count, 50):
        window.enter([(f"{rng.getrandbits(64):016x}-00000000", new_signature(rng)) for _ in range(50)])


def test_a_copy_is_matched_with_what_came_before_and_a_stranger_with_nothing(client: Redis, rng: random.Random) -> None:
    first = new_signature(rng)
    mine = window(client)
    assert mine.enter([(A, first), (B, new_signature(rng))]) == [None, None]
    copy = like(first, 0.8, rng)
    assert mine.enter([(C, copy)]) == [Match(A, A, likeness.similarity(first, copy))]


def test_documents_of_a_batch_see_each_other_in_their_order(client: Redis, rng: random.Random) -> None:
    first = new_signature(rng)
    assert window(client).enter([(A, first), (B, None), (C, first)]) == [None, None, Match(A, A, 1.0)]


def test_a_batch_may_be_longer_than_one_call(client: Redis, rng: random.Random) -> None:
    first = new_signature(rng)
    strangers = [(f"{number:016x}-00000000", new_signature(rng)) for number in range(300)]
    *others, last = window(client).enter([(A, first), *strangers, (B, first)])
    assert (others, last) == ([None] * 301, Match(A, A, 1.0))


def test_where_duplicates_are_not_stored_none_is_named_as_an_original(client: Redis, rng: random.Random) -> None:
    first = new_signature(rng)
    second = like(first, 0.6, rng)
    strict = Window(client, 1000, 0.4, 30, enters_duplicates=False)
    answers = strict.enter([(A, first), (B, second), (C, like(second, 0.9, rng))])
    assert [match and match.id for match in answers] == [None, A, A]
    assert strict.enter([(D, like(second, 0.6, rng))]) == [None]


def test_less_alike_than_the_setting_is_no_match(client: Redis, rng: random.Random) -> None:
    first = new_signature(rng)
    strict = window(client, least=0.9)
    assert strict.enter([(A, first), (B, like(first, 0.8, rng)), (C, like(first, 0.95, rng))])[:2] == [None, None]
    assert window(client, least=0.7).enter([(D, like(first, 0.8, rng))])[0] is not None


def test_the_most_similar_is_named_and_the_cluster_is_the_first_of_the_chain(client: Redis, rng: random.Random) -> None:
    first = new_signature(rng)
    second = like(first, 0.6, rng)
    third = like(second, 0.6, rng)
    mine = window(client)
    mine.enter([(A, first), (B, second)])
    (match,) = mine.enter([(C, third)])
    assert likeness.similarity(first, third) < 0.4
    assert match is not None
    assert (match.id, match.cluster) == (B, A)
    assert match.similarity == pytest.approx(0.6, abs=0.01)


def test_a_document_sent_again_is_answered_as_before_and_entered_once(client: Redis, rng: random.Random) -> None:
    first = new_signature(rng)
    second = like(first, 0.7, rng)
    mine = window(client)
    answers = mine.enter([(A, first), (B, second), (C, first)])
    entered = client.get("efir:near:count")
    for name, signature, answer in zip((A, B, C), (first, second, first), answers, strict=True):
        assert mine.enter([(name, signature)]) == [answer]
    assert client.get("efir:near:count") == entered == "2"  # C is not found where A is, and takes no room


def test_a_revision_of_the_original_is_not_a_duplicate_of_its_copies(client: Redis, rng: random.Random) -> None:
    first = new_signature(rng)
    mine = window(client)
    mine.enter([(A, first), (B, like(first, 0.9, rng))])
    corrected = like(first, 0.7, rng)
    assert mine.enter([(revision(A, 2), corrected)]) == [None]
    (match,) = mine.enter([(C, corrected)])
    assert match is not None
    assert (match.id, match.cluster) == (revision(A, 2), A)


def test_a_revision_of_a_copy_stays_in_its_cluster(client: Redis, rng: random.Random) -> None:
    first = new_signature(rng)
    second = like(first, 0.6, rng)
    mine = window(client)
    mine.enter([(A, first), (B, second)])
    corrected = like(second, 0.6, rng)
    assert mine.enter([(revision(B, 2), corrected)]) == [None]  # it is like the original no more
    (match,) = mine.enter([(C, corrected)])
    assert match is not None
    assert (match.id, match.cluster) == (revision(B, 2), A)
    (match,) = mine.enter([(revision(B, 3), like(first, 0.9, rng))])
    assert match is not None
    assert (match.id, match.cluster) == (A, A)


def test_what_is_too_old_matches_no_more(client: Redis, rng: random.Random, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_800_000_000.0
    monkeypatch.setattr(near_duplicates.time, "time", lambda: now)
    first = new_signature(rng)
    mine = window(client, days=2)
    mine.enter([(A, first)])
    now += 48 * HOUR
    assert mine.enter([(B, first)]) == [Match(A, A, 1.0)]
    now += HOUR
    assert mine.enter([(C, first)]) == [Match(B, A, 1.0)]  # it was handed on
    now += 49 * HOUR
    assert mine.enter([(D, first)]) == [None]


def test_the_window_slides_and_takes_no_more_memory_than_at_first(client: Redis, rng: random.Random) -> None:
    first, second = new_signature(rng), new_signature(rng)
    mine = window(client, entries=500)
    mine.enter([(A, first)])
    memory = {key: client.memory_usage(key, samples=0) for key in KEYS[:3]}
    fill(mine, 450, rng)
    mine.enter([(B, second)])
    assert mine.enter([(C, like(first, 0.9, rng))])[0] is not None
    fill(mine, 400, rng)
    assert mine.enter([(D, like(second, 0.9, rng))])[0] is not None
    fill(mine, 1000, rng)
    assert mine.enter([(revision(C, 2), first), (revision(D, 2), second)]) == [None, None]
    assert {key: client.memory_usage(key, samples=0) for key in KEYS[:3]} == memory
    assert sum(size or 0 for size in memory.values()) < 500 * 345 * 1.3


def test_one_text_sent_over_and_over_is_found_without_a_gap(client: Redis, rng: random.Random) -> None:
    """Three times the window: the first one is long gone, the cluster bears its name."""
    first = new_signature(rng)
    mine = window(client, entries=400)
    mine.enter([(A, first)])
    for number in range(12):
        fill(mine, 100, rng)
        (match,) = mine.enter([(f"{number:016x}-00000001", first)])
        assert match is not None
        assert (match.cluster, match.similarity) == (A, 1.0)


def test_of_two_copies_at_once_one_sees_the_other(settings: Settings, client: Redis, rng: random.Random) -> None:
    signatures = [new_signature(rng) for _ in range(200)]
    halves = [[(f"{number:015x}{half}-00000000", each) for number, each in enumerate(signatures)] for half in "ab"]
    windows = [window(broker.connect(settings)) for _ in halves]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda pair: pair[0].enter(pair[1]), zip(windows, halves, strict=True)))
    assert all((one is None) != (other is None) for one, other in zip(*answers, strict=True))


def test_other_settings_begin_an_empty_window_and_who_has_the_old_ones_finds_nothing(
    client: Redis, rng: random.Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = structlog.testing.CapturingLogger()
    monkeypatch.setattr("services.near_duplicates.log", said)
    first = new_signature(rng)
    older = window(client, entries=1000)
    older.enter([(A, first)])
    newer = window(client, entries=300)
    assert newer.enter([(B, first)]) == [None]
    assert older.enter([(C, first)]) == older.enter([(C, first)]) == [None]
    (call,) = said.calls
    assert call.method_name == "warning" and "EFIR_NEAR_WINDOW" in call.args[0]
    assert newer.enter([(D, first)]) == [Match(B, B, 1.0)]
    assert set(client.scan_iter("efir:near:*")) == set(KEYS)


def test_a_broker_that_lost_its_data_begins_an_empty_window(client: Redis, rng: random.Random) -> None:
    first = new_signature(rng)
    mine = window(client)
    mine.enter([(A, first)])
    client.flushdb()
    client.script_flush()
    assert mine.enter([(B, first), (C, first)]) == [None, Match(B, B, 1.0)]


def test_copies_of_a_real_text_are_found(client: Redis) -> None:
    lines = [f"Станція {number} приймає {number * 7} тонн зерна на добу від господарств." for number in range(30)]
    article = "\n".join(lines)
    edited = "\n".join(["КИЇВ. Оновлено.", *reversed(lines[3:])]).upper()
    other = article.replace("приймає", "відправляє").replace("тонн зерна", "вагонів руди").replace("добу", "рік")
    items = [(A, article), (B, edited), (C, other), (D, "Слава Україні!")]
    matches = window(client).enter([(name, likeness.signature(text)) for name, text in items])
    assert [match and match.id for match in matches] == [None, A, None, None]
