"""Words to the pieces an encoder reads, and texts to padded batches of them.

Every word is cut by itself, so that a piece never belongs to two words, and how a word is cut is remembered. What
stands close to the word before it (a comma, a closing bracket) is cut as the encoder saw it in pretraining.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import torch
from tokenizers import Tokenizer
from torch import Tensor

# Positions the pretrained encoder knows.
MOST_PIECES = 512
_START, _PAD, _END = 0, 1, 2
_SPACE = "▁"
_CLOSES = frozenset(".,:;!?…%)]}»”’")
# A word of more pieces than this is a link or noise: its beginning and its end say what can be said of it.
_MOST_OF_WORD = 12
_REMEMBERED = 20_000  # words; some 6 MB


class Batch(NamedTuple):
    """Padded texts. Word 0 of every text is its start, which stands for the whole and is the root of its tree."""

    ids: Tensor  # (texts, pieces)
    is_piece: Tensor  # (texts, pieces), bool
    first: Tensor  # (texts, words): the position of a word's first piece
    last: Tensor  # (texts, words)
    is_word: Tensor  # (texts, words), bool; True for the start too


class Pieces:
    """Loads `tokenizer.json`, which holds the vocabulary."""

    def __init__(self, path: Path) -> None:
        self._tokenizer = Tokenizer.from_file(str(path))
        self.of_word = lru_cache(_REMEMBERED)(self._cut)

    def _cut(self, word: str) -> tuple[int, ...]:
        text = self._tokenizer.normalizer.normalize_str(word).replace(" ", _SPACE)
        if word not in _CLOSES:
            text = _SPACE + text
        # The unigram model's time grows with a word's length; nothing past its first and last letters is used.
        if len(text) > 100:
            text = text[:50] + text[-50:]
        ids = [piece.id for piece in self._tokenizer.model.tokenize(text)] or [self._tokenizer.token_to_id("<unk>")]
        if len(ids) > _MOST_OF_WORD:
            ids = ids[: _MOST_OF_WORD // 2] + ids[-_MOST_OF_WORD // 2 :]
        return tuple(ids)

    def count(self, words: Iterable[str]) -> int:
        return sum(len(self.of_word(word)) for word in words) + 2

    def batch(self, texts: Sequence[Sequence[str]]) -> Batch:
        """Texts of at most MOST_PIECES pieces each; `windows` cuts longer ones."""
        cut = [[self.of_word(word) for word in words] for words in texts]
        longest = max(sum(map(len, words)) for words in cut) + 2
        most_words = max(map(len, cut)) + 1
        if longest > MOST_PIECES:
            raise ValueError(f"a text has {longest} pieces; the encoder reads at most {MOST_PIECES}")
        ids = torch.full((len(cut), longest), _PAD)
        first = torch.zeros((len(cut), most_words), dtype=torch.long)
        last = torch.zeros((len(cut), most_words), dtype=torch.long)
        lengths, sizes = [], []
        for row, words in enumerate(cut):
            flat, starts, ends = [_START], [0], [0]
            for pieces in words:
                starts.append(len(flat))
                flat.extend(pieces)
                ends.append(len(flat) - 1)
            flat.append(_END)
            ids[row, : len(flat)] = torch.tensor(flat)
            first[row, : len(starts)] = torch.tensor(starts)
            last[row, : len(ends)] = torch.tensor(ends)
            lengths.append(len(flat))
            sizes.append(len(starts))
        return Batch(ids, _up_to(lengths, longest), first, last, _up_to(sizes, most_words))

    def windows(self, words: Sequence[str], most: int = MOST_PIECES) -> list[int]:
        """Where to cut `words` so that no part has more than `most` pieces: the index of each part's first word."""
        cuts, size = [0], 2
        for at, word in enumerate(words):
            pieces = len(self.of_word(word))
            if size + pieces > most:
                cuts.append(at)
                size = 2
            size += pieces
        return cuts


def _up_to(lengths: Sequence[int], most: int) -> Tensor:
    return torch.arange(most)[None] < torch.tensor(lengths)[:, None]
