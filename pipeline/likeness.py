"""How alike two texts are: signatures that are short, and whose comparison estimates how much the texts share.

A text is the set of its *shingles*, pairs of neighbouring words without case, punctuation, stress marks and
apostrophes. Two texts are as similar as the share of their shingles that they have in common (Jaccard's index). MinHash
(https://en.wikipedia.org/wiki/MinHash) keeps the least hash of each of 128 orders of the shingles; the share of equal
ones estimates the index, with a standard error of 0.04. Of each hash a byte is kept: the 1 in 256 that is equal by
chance is taken off again (b-bit minwise hashing, https://arxiv.org/abs/0910.3349).

To find a signature's likes among many it is cut into bands; signatures with one equal band are candidates. With 42
bands of 3, texts of similarity 0.4 have one with a probability of 0.94, of 0.5 with 0.996, of 0.05 with 0.005.

Every number here was chosen on real texts: docs/duplicates.md.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from functools import cache
from itertools import pairwise
from operator import eq

import numpy as np
from rensa import RMinHash

PERMUTATIONS = 128
BANDS, ROWS = 42, 3
# Formulas that open and close addresses («Слава Україні!») make shorter passages alike that have nothing else in
# common: of 40 words, no two of the passages of addresses that were tried; of 30, one in a hundred closing ones.
LEAST_SHINGLES = 40

_SEED = 1
_CHANCE = 1 / 256  # that bytes of different hashes are equal
_APOSTROPHES = re.compile("['`´‘’ʼ＇\u00ad\u200b-\u200f\u2060\ufeff]")  # and what is not seen at all
_MARKS = re.compile("[\u0300-\u036f]")  # those that are no part of a letter after NFKC: stress marks
_WORD = re.compile(r"[^\W_]+")


def signature(text: str) -> bytes | None:
    """128 bytes; None for a text of fewer than 40 different shingles. Takes time in proportion to the length."""
    found = shingles(text)
    if len(found) < LEAST_SHINGLES:
        return None
    sketch = RMinHash(num_perm=PERMUTATIONS, seed=_SEED)
    sketch.update(list(found))
    return np.array(sketch.digest(), dtype=np.uint32).astype(np.uint8).tobytes()


def shingles(text: str) -> set[str]:
    """Pairs of neighbouring words, as compared."""
    return set(map(" ".join, pairwise(words(text))))


def words(text: str) -> list[str]:
    """Its words in order, without case, stress marks and apostrophes."""
    plain = unicodedata.normalize("NFKC", _APOSTROPHES.sub("", text)).casefold()
    return _WORD.findall(_MARKS.sub("", plain))


def similarity(first: bytes, second: bytes) -> float:
    """Estimate of Jaccard's index of the shingles of two texts, 0 to 1, from their signatures."""
    return similarity_of(sum(map(eq, first, second)))


def similarity_of(equal: int) -> float:
    """The estimate for two signatures with `equal` bytes equal."""
    return max(0.0, (equal / PERMUTATIONS - _CHANCE) / (1 - _CHANCE))


def least_equal(least: float) -> int:
    """How many bytes are equal at least in signatures of at least this similarity."""
    return next(equal for equal in range(PERMUTATIONS + 1) if similarity_of(equal) >= least)


@cache
def method() -> str:
    """A name for the way signatures are made: signatures made under different names must not be compared.

    The hashes are the library's, and between its versions they changed. So the name is made from a signature.
    """
    sample = signature(" ".join(f"зразок{number}" for number in range(2 * LEAST_SHINGLES)))
    assert sample is not None
    return hashlib.sha256(sample + bytes([BANDS, ROWS])).hexdigest()[:16]
