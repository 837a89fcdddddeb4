"""Inference at less cost, with the same output.

Stanza finds the best tree of a sentence by Chu-Liu and Edmonds' algorithm, in Python. Nearly always the best head of
every word, taken alone, already makes a tree with one root; then that tree has the highest score any tree can have, and
there is nothing to search. `apply` puts this check before the search; a test compares both on real sentences.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from stanza.models.common.chuliu_edmonds import chuliu_edmonds_one_root
from stanza.models.depparse import model as depparse

# Lemmas of words that were seen, kept from batch to batch; some 30 MB.
_LEMMAS = 100_000
# Words in one step of the parser. Its scores take memory by words times sentence length times relations: with Stanza's
# 5,000 a process takes more than a gigabyte, and is slower, because they do not fit the cache.
PARSER_WORDS = 500
OPTIONS = {"depparse_batch_size": PARSER_WORDS, "lemma_store_results": True}


def apply() -> None:
    """Make Stanza's parser use `best_tree`."""
    depparse.chuliu_edmonds_one_root = best_tree


class BoundedLemmas:
    """Stanza's lemmatizer with a bound on what it remembers, which by itself would grow as long as the process lives.

    A lemma depends on the word and its tag alone, so a remembered one is the one that would be computed.
    """

    def __init__(self, processor: Any) -> None:
        self.processor = processor
        self.trainer = processor.trainer  # none when the lemma is the form
        self._learned = _copied(self.trainer.pos_dict) if self.trainer else {}  # in training, which is the model's own
        self._most = _size(self._learned) + _LEMMAS

    def bulk_process(self, documents: Any) -> Any:
        documents = self.processor.bulk_process(documents)
        if self.trainer and _size(self.trainer.pos_dict) > self._most:
            self.trainer.pos_dict = _copied(self._learned)
        return documents


def _copied(lemmas: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """By tag and word."""
    return {tag: dict(words) for tag, words in lemmas.items()}


def _size(lemmas: dict[str, dict[str, str]]) -> int:
    return sum(map(len, lemmas.values()))


def best_tree(scores: NDArray[Any]) -> NDArray[np.int64]:
    """The head of every word; `heads[0]` is the root's own 0. `scores[word, head]` is square, its first row unused."""
    heads: NDArray[np.int64] = scores.argmax(axis=1)
    heads[0] = 0
    if np.count_nonzero(heads[1:] == 0) == 1 and _reaches_root(heads):
        return heads
    found: NDArray[np.int64] = chuliu_edmonds_one_root(scores)
    return found


def _reaches_root(heads: NDArray[np.int64]) -> bool:
    """Whether following the heads from every word ends at the root, by doubling the step."""
    step = heads
    for _ in range(len(heads).bit_length()):
        step = step[step]
    return not step.any()
