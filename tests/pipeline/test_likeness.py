"""Signatures of texts: what changes them, what does not, and that they stay the same for the same library."""

import subprocess
import sys
import time
import unicodedata

import numpy as np
import pytest

from pipeline import likeness
from pipeline.likeness import LEAST_SHINGLES, PERMUTATIONS, shingles, signature, similarity

NUMERALS = ["один", "два", "три", "чотири", "п'ять", "шість", "сім", "вісім", "дев'ять", "десять"]


def text(count: int, start: int = 0) -> str:
    """`count` different pairs of words."""
    return " ".join(f"{NUMERALS[number % 10]} {number}" for number in range(start, start + count // 2 + 1))


def signed(text: str) -> bytes:
    found = signature(text)
    assert found is not None
    return found


def test_case_punctuation_apostrophes_and_stress_marks_change_nothing() -> None:
    plain = f"Наступного дня обʼєднана громада зібрала врожай їжаків і йогуртів. {text(60)}"
    changed = (
        plain.upper()
        .replace("ʼ", "’")
        .replace("ГРОМАДА", "ГРОМА\u0301ДА")
        .replace("ДНЯ", "«ДНЯ» —")
        .replace("ЗІБРАЛА", "ЗІ\u00adБРАЛА\n\n")
    )
    assert signed(unicodedata.normalize("NFD", changed)) == signed(plain)


def test_shingles_are_pairs_of_neighbouring_words() -> None:
    assert shingles("Добрий вечір, ми з України!") == {"добрий вечір", "вечір ми", "ми з", "з україни"}


@pytest.mark.parametrize("shared", [0.0, 0.25, 0.5, 0.9, 1.0])
def test_the_estimate_is_near_the_true_share(shared: float) -> None:
    kept = int(400 * shared)
    estimates, truths = [], []
    for number in range(0, 30_000, 1000):
        first, second = text(400, number), text(kept, number) + " " + text(400 - kept, number + 500_000)
        estimates.append(similarity(signed(first), signed(second)))
        truths.append(len(shingles(first) & shingles(second)) / len(shingles(first) | shingles(second)))
    assert np.mean(estimates) == pytest.approx(np.mean(truths), abs=0.03)
    assert np.std(np.subtract(estimates, truths)) < 0.06


def test_the_least_number_of_equal_bytes_is_that_of_the_similarity() -> None:
    for least in (0.3, 0.4, 0.75, 1.0):
        equal = likeness.least_equal(least)
        assert likeness.similarity_of(equal) >= least > likeness.similarity_of(equal - 1)
    assert (likeness.similarity_of(PERMUTATIONS), likeness.similarity_of(0)) == (1.0, 0.0)


def test_a_short_text_has_no_signature() -> None:
    words = [f"слово{number}" for number in range(LEAST_SHINGLES + 1)]
    assert len(shingles(" ".join(words))) == LEAST_SHINGLES
    assert len(signed(" ".join(words))) == PERMUTATIONS
    assert signature(" ".join(words[1:])) is None
    assert signature("Слава Україні! " * 1000) is None
    assert signature("") is None


def test_time_grows_with_the_length_and_not_faster() -> None:
    def seconds(count: int) -> float:
        long = text(count)
        started = time.perf_counter()
        signature(long)
        return time.perf_counter() - started

    short = min(seconds(20_000) for _ in range(3))
    assert min(seconds(160_000) for _ in range(3)) < 8 * 3 * short


def test_signatures_are_the_same_in_every_process_and_named_when_the_library_changes_them() -> None:
    """When only these digits differ after an update of the library, put in the new ones: windows begin anew by then."""
    code = "from pipeline import likeness; print(likeness.method())"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == likeness.method()
    assert signed(text(60))[:8].hex() == "e3dd36c07bc7f064"
