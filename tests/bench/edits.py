"""Copies of real texts as editors make them, and pairs of texts that only look like copies.

Every edit is a function of the text, of another text of the same kind, and of chance; the same seed makes the same set.
"""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

_WORD = re.compile(r"\w+")
_SENTENCE = re.compile(r"(?<=[.!?…])\s+")
_AGENCY = (
    "КИЇВ, 14 березня. /Вісник/. ",
    "Про це повідомляє «Вісник» із посиланням на пресслужбу.\n\n",
    "Оновлено о 18:40. ",
)
_BOILERPLATE = (
    "\n\nЧитайте також: що відомо на цю хвилину.\n\nПідписуйтесь на наш канал, щоб першими дізнаватися новини.",
    "\n\nПередрук дозволено лише з посиланням на джерело. Помітили помилку? Виділіть її та натисніть Ctrl+Enter.",
    "\n\nНагадаємо, редакція стежить за подіями та додасть подробиці, щойно вони з'являться. Усі права захищено.",
)


class Text(NamedTuple):
    kind: str  # address, contracts, or the genre of the corpus, a letter
    series: str  # its author or site
    text: str


class Pair(NamedTuple):
    """`first` is met first. `kind` names the edit, or why it is no copy."""

    kind: str
    first: str
    second: str
    is_copy: bool


Edit = Callable[[str, str, random.Random], str]


def load(data: Path) -> list[Text]:
    """The texts of `raw/corpus.jsonl.gz` and `transcripts/*.json`, in an order that chance chose once."""
    texts = [
        Text("address", "address", json.loads(path.read_text())["text"])
        for path in sorted((data / "transcripts").glob("*.json"))
    ]
    with gzip.open(data / "raw" / "corpus.jsonl.gz", "rt") as file:
        for line in file:
            entry = json.loads(line)
            is_contract = entry["source"] == "nashi-groshi"
            genre, author, *_ = (entry["id"] + "_").split("_")
            texts.append(
                Text("contracts", "contracts", entry["text"])
                if is_contract
                else Text(genre, f"{genre}_{author}", entry["text"])
            )
    random.Random(0).shuffle(texts)
    return texts


def flash(text: str) -> str:
    """Its beginning, to the end of the sentence in which the 50th word is: as long as a message in a channel."""
    kept: list[str] = []
    for sentence in _SENTENCE.split(text):
        kept.append(sentence)
        if words(" ".join(kept)) >= 50:
            break
    return " ".join(kept)


def words(text: str) -> int:
    return len(_WORD.findall(text))


def paragraphs(text: str) -> list[str]:
    """Its paragraphs; a text of one paragraph has its sentences for them."""
    found = [line.strip() for line in text.split("\n") if line.strip()]
    return found if len(found) > 2 else _SENTENCE.split(text)


def _drop_paragraph(text: str, other: str, rng: random.Random) -> str:
    parts = paragraphs(text)
    del parts[rng.randrange(len(parts))]
    return "\n\n".join(parts)


def _change_lead(text: str, other: str, rng: random.Random) -> str:
    sentences, strange = _SENTENCE.split(text), _SENTENCE.split(other)
    count = rng.randint(1, 3)
    return " ".join(strange[:count] + sentences[min(count, len(sentences) - 1) :])


def _reorder(text: str, other: str, rng: random.Random) -> str:
    parts = paragraphs(text)
    rng.shuffle(parts)
    return "\n\n".join(parts)


def _frame(text: str, other: str, rng: random.Random) -> str:
    return rng.choice(_AGENCY) + text + rng.choice(_BOILERPLATE)


def _typography(text: str, other: str, rng: random.Random) -> str:
    """Other quotes, dashes, apostrophes and numbers, a capitalised first paragraph, no empty lines."""
    table = str.maketrans({"«": '"', "»": '"', "“": '"', "”": '"', "—": "-", "–": "-", "'": "’", "ʼ": "’"})
    text = re.sub(r"\n+", " ", text.translate(table))
    text = re.sub(r"\d+", lambda match: str(int(match[0][:12]) + rng.randint(1, 9)), text)
    lead, space, rest = text.partition(". ")
    return lead.upper() + space + rest


def _cut(text: str, other: str, rng: random.Random) -> str:
    return text[: len(text) // 2]


def _replace(share: float) -> Edit:
    def edit(text: str, other: str, rng: random.Random) -> str:
        strange = _WORD.findall(other)
        return _WORD.sub(lambda match: rng.choice(strange) if rng.random() < share else match[0], text)

    return edit


def _rewrite(text: str, other: str, rng: random.Random) -> str:
    """Several at once, as between two sites that took the same agency copy."""
    for edit in (_change_lead, _drop_paragraph, _typography, _frame, _replace(0.05)):
        text = edit(text, other, rng)
    return text


def _extend(text: str, other: str, rng: random.Random) -> str:
    """The whole text with as much of another behind it: a news item within a review of the day."""
    while len(other) < len(text):
        other += "\n\n" + other
    return text + "\n\n" + other[: len(text)]


EDITS: dict[str, Edit] = {
    "a paragraph dropped": _drop_paragraph,
    "the lead changed (1-3 sentences)": _change_lead,
    "paragraphs in another order": _reorder,
    "agency line and boilerplate": _frame,
    "typography, capitals, numbers": _typography,
    "5% of words replaced": _replace(0.05),
    "10% of words replaced": _replace(0.10),
    "20% of words replaced": _replace(0.20),
    "30% of words replaced": _replace(0.30),
    "all of: lead, paragraph, frame, typography, 5%": _rewrite,
    "the first half alone": _cut,
    "as long a text added": _extend,
}


def copies(texts: list[Text], others: list[Text], seed: int) -> Iterator[Pair]:
    """Every edit of every text; what is put into them is from `others` of the same kind."""
    rng = random.Random(seed)
    kinds: dict[str, list[str]] = {}
    for each in others:
        kinds.setdefault(each.kind, []).append(each.text)
    for each in texts:
        other = rng.choice(kinds[each.kind])
        for name, edit in EDITS.items():
            yield Pair(name, each.text, edit(each.text, other, rng), is_copy=True)


def strangers(texts: list[Text], seed: int, most: int = 20_000) -> Iterator[Pair]:
    """Pairs that are no copies: any two, two of a series, and two that share a paragraph one quotes of the other."""
    rng = random.Random(seed)
    for _ in range(most):
        first, second = rng.sample(texts, 2)
        if first.series != second.series:
            yield Pair("any two", first.text, second.text, is_copy=False)
    for name, kind in (("two addresses", "address"), ("two reports on contracts", "contracts")):
        pairs = list(combinations([each.text for each in texts if each.kind == kind], 2))
        for first_text, second_text in rng.sample(pairs, min(most, len(pairs))):
            yield Pair(name, first_text, second_text, is_copy=False)
    by_series: dict[str, list[str]] = {}
    for each in texts:
        if each.kind not in {"address", "contracts"}:
            by_series.setdefault(each.series, []).append(each.text)
    for series in by_series.values():
        for first_text, second_text in combinations(series, 2):
            yield Pair("two texts of an author or site", first_text, second_text, is_copy=False)
    for first, second in zip(texts[::2], texts[1::2], strict=False):
        quoted = rng.choice(paragraphs(first.text))
        parts = paragraphs(second.text)
        parts.insert(rng.randrange(len(parts) + 1), quoted)
        if words(quoted) * 4 <= words(second.text):
            yield Pair("a shared quotation", first.text, "\n\n".join(parts), is_copy=False)
