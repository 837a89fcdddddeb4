"""Texts cut into sentences of tokens by Stanza's tokenizer, without its documents.

Stanza makes objects of every token and its words, which takes a third as long as finding them. What it finds is asked
for here before it does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from stanza.models.tokenization.data import TokenizationDataset
from stanza.models.tokenization.utils import output_predictions

from pipeline.models import faster
from pipeline.models.cutting import Cut, Token

# A longer token is noise, of which the models need not see the letters; its place in the text is kept.
_LONGEST, TOO_LONG = 1_000, "<UNK>"
# Paragraphs read side by side. Of more, as Stanza reads them, so much is padding that it takes twice as long.
_SIDE_BY_SIDE = 8
# Stanza keeps addresses (of pages, of mail) whole by a pattern whose time grows with the square of such a run: it took
# 40 seconds for a window of digits. A text with a longer one than any address is cut without it.
_ENDLESS = re.compile(r"[!-~]{1000}")
_GAP = "\n\n"  # the end of a paragraph: no sentence goes on after it


class Tokenizer:
    def __init__(self, processor: Any) -> None:
        """`processor`: Stanza's, of which the model is changed to be faster."""
        self._trainer = processor.trainer
        self._trainer.args["batch_size"] = _SIDE_BY_SIDE
        self._config = processor.config
        faster.unpack(self._trainer.model)

    @property
    def letters(self) -> Sequence[str]:
        """What it knows to read."""
        letters: Sequence[str] = self._trainer.vocab._id2unit
        return letters

    def cut(self, texts: Sequence[str]) -> list[Cut]:
        """Offsets are those of each text."""
        is_endless = [_ENDLESS.search(text) is not None for text in texts]
        result: dict[int, Cut] = {}
        for kind in set(is_endless):
            chosen = [at for at, each in enumerate(is_endless) if each is kind]
            result |= zip(chosen, self._cut([texts[at] for at in chosen], keeps_addresses=not kind), strict=True)
        return [result[at] for at in range(len(texts))]

    @torch.inference_mode()
    def _cut(self, texts: Sequence[str], *, keeps_addresses: bool) -> list[Cut]:
        whole = _GAP.join(texts)
        read = TokenizationDataset(
            self._config,
            input_text=whole,
            vocab=self._trainer.vocab,
            evaluation=True,
            dictionary=self._trainer.dictionary,
        )
        *_, found = output_predictions(
            None,
            self._trainer,
            read,
            self._trainer.vocab,
            None,
            _LONGEST,
            orig_text=whole,
            use_regex_tokens=keeps_addresses,
        )
        sentences = iter(found)
        sentence = next(sentences, None)
        result, begins = [], 0
        for text in texts:
            own = []
            while sentence and sentence[-1]["end_char"] <= begins + len(text):
                own.append(list(_tokens(sentence, begins)))
                sentence = next(sentences, None)
            result.append(Cut(text, own))
            begins += len(text) + len(_GAP)
        return result


def _tokens(sentence: Sequence[dict[str, Any]], begins: int) -> Iterator[Token]:
    for each in sentence:
        start, end = each["start_char"] - begins, each["end_char"] - begins
        text = each["text"] if len(each["text"]) <= _LONGEST else TOO_LONG
        yield Token(text, start, end, "misc" in each)
