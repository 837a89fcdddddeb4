"""Inference at less cost, with the same output.

Stanza finds the best tree of a sentence by Chu-Liu and Edmonds' algorithm, in Python. Nearly always the best head of
every word, taken alone, already makes a tree with one root; then that tree has the highest score any tree can have, and
there is nothing to search. `apply` puts this check before the search; a test compares both on real sentences.

Stanza's tokenizer gives its LSTMs packed sequences, which PyTorch walks a step at a time. Padded ones it hands to
oneDNN, which takes less than half the time. `Unpacked` does so, reading each sequence backwards from its own end.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stanza.models.common.chuliu_edmonds import chuliu_edmonds_one_root
from stanza.models.depparse import model as depparse
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

# Lemmas of words that were seen, kept from batch to batch; some 30 MB.
_LEMMAS = 100_000
# Words in one step of the parser. Its scores take memory by words times sentence length times relations: with Stanza's
# 5,000 a process takes more than a gigabyte, and is slower, because they do not fit the cache.
PARSER_WORDS = 500
OPTIONS = {"depparse_batch_size": PARSER_WORDS, "lemma_store_results": True}


def apply() -> None:
    """Make Stanza's parser use `best_tree`."""
    depparse.chuliu_edmonds_one_root = best_tree


def unpack(tokenizer: Any) -> None:
    """Let the LSTMs of a trained tokenizer of Stanza's read padded sequences. Those of several layers stay."""
    for name in ("rnn", "rnn2"):
        lstm = getattr(tokenizer, name, None)
        if isinstance(lstm, nn.LSTM) and lstm.num_layers == 1 and lstm.bidirectional:
            setattr(tokenizer, name, Unpacked(lstm))


class Unpacked(nn.Module):
    """A bidirectional LSTM of one layer, as two that read padded sequences, one of them backwards."""

    def __init__(self, lstm: nn.LSTM) -> None:
        super().__init__()
        weights = lstm.state_dict()
        self.forwards, self.backwards = (
            nn.LSTM(lstm.input_size, lstm.hidden_size, bias=lstm.bias, batch_first=True) for _ in range(2)
        )
        self.forwards.load_state_dict({name: weights[name] for name in self.forwards.state_dict()})
        self.backwards.load_state_dict({name: weights[f"{name}_reverse"] for name in self.backwards.state_dict()})

    def forward(self, packed: PackedSequence) -> tuple[PackedSequence, None]:
        """The last states, which the tokenizer does not ask for, are not told."""
        padded, lengths = pad_packed_sequence(packed, batch_first=True)
        steps = torch.arange(padded.shape[1])[None]
        ends = lengths[:, None]
        reverse = torch.where(steps < ends, ends - 1 - steps, steps)  # what is padded stays where it is
        texts = torch.arange(len(padded))[:, None]
        there, _ = self.forwards(padded)
        back, _ = self.backwards(padded[texts, reverse])
        both = torch.cat([there, back[texts, reverse]], dim=-1)
        return pack_padded_sequence(both, lengths, batch_first=True), None


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
