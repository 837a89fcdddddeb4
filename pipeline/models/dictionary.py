"""What a dictionary knows of a form: which parts of speech and features it can have, and the lemma of each.

A model that has seen thirty thousand words guesses the aspect of a verb or the gender of a surname that it never met;
a dictionary of four hundred thousand knows them. So of the tags that the model finds likely, one that the dictionary
contradicts has to be much more likely than one that it allows.

The file of stems (`dictionary.marisa`) tells a stem's paradigms; that of paradigms (`paradigms.msgpack`) what may be
put before and after a stem, and what the form then is. The first entry of a paradigm is the lemma. A trie of stems
has a tenth of the size of one of all forms. The file is mapped into memory, so the processes of a machine share it.
"""

from __future__ import annotations

import array
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import marisa_trie
import msgspec

STEMS = "dictionary.marisa"
PARADIGMS = "paradigms.msgpack"
# A stem's paradigm: an unsigned number of 16 bits.
STEM_FORMAT = "<H"
_ANALYSED = 20_000  # forms that are remembered; some 10 MB
_DECODED = 1_000  # paradigms; some 5 MB
_APOSTROPHES = str.maketrans("’ʼ`", "'''")


class Paradigms(msgspec.Struct, frozen=True):
    """`paradigms` are unsigned numbers of 16 bits, three a form: of its prefix, its ending and its reading."""

    affixes: tuple[str, ...]
    readings: tuple[str, ...]  # "UPOS,UPOS|Feature=Value|...": the parts of speech it may be called in a treebank
    paradigms: tuple[bytes, ...]


class Analysis(NamedTuple):
    """One reading of a form."""

    parts: frozenset[str]  # of speech
    features: Mapping[str, str]
    lemma: str  # in small letters


class Judgement(NamedTuple):
    """Of a tag: how many of its features, at least, the dictionary has otherwise."""

    contradictions: float
    lemmas: frozenset[str]  # of the readings that contradict least


# Another part of speech counts for less than another feature: treebanks differ in what they call a particle.
_OTHER_PART = 0.5
_NOTHING = Judgement(0.0, frozenset())


class Dictionary:
    def __init__(self, folder: Path) -> None:
        """Raises OSError or msgspec.DecodeError when the files are not what they should be."""
        self._stems = marisa_trie.RecordTrie(STEM_FORMAT).mmap(str(folder / STEMS))
        self._paradigms = msgspec.msgpack.decode((folder / PARADIGMS).read_bytes(), type=Paradigms)
        self._prefixes = {
            self._paradigms.affixes[prefix]
            for numbers in self._paradigms.paradigms
            for prefix in array.array("H", numbers)[::3]
        }
        self.analyses = lru_cache(_ANALYSED)(self._analyse)
        self.judge = lru_cache(_ANALYSED)(self._judge)
        self._forms = lru_cache(_DECODED)(self._decode)
        self._reading = lru_cache(None)(_reading)

    def lemmas(self, form: str, tag: str) -> frozenset[str]:
        """The lemmas that a form with this tag can have, in small letters; none when the dictionary contradicts it."""
        judged = self.judge(form, tag)
        return judged.lemmas if judged.contradictions <= _OTHER_PART else frozenset()

    def _judge(self, form: str, tag: str) -> Judgement:
        """How far the dictionary is from a tag ("UPOS|Feature=Value|..."). What it does not know it does not judge."""
        part, *rest = tag.split("|")
        features = dict(each.split("=") for each in rest)
        least, lemmas = _NOTHING.contradictions, set[str]()
        for analysis in self.analyses(form):
            count = sum(
                name in features and value not in features[name].split(",") for name, value in analysis.features.items()
            ) + (_OTHER_PART if part not in analysis.parts else 0.0)
            if not lemmas or count < least:
                least, lemmas = count, {analysis.lemma}
            elif count == least:
                lemmas.add(analysis.lemma)
        return Judgement(least, frozenset(lemmas))

    def _analyse(self, form: str) -> tuple[Analysis, ...]:
        """All readings of a form, in any case of letters; none when it is not known."""
        found = dict.fromkeys(self._find(plain(form)))
        return tuple(Analysis(*self._reading(self._paradigms.readings[reading]), lemma) for reading, lemma in found)

    def _find(self, word: str) -> Iterator[tuple[int, str]]:
        """Readings, by their numbers, and their lemmas."""
        for prefix in self._prefixes:
            if not word.startswith(prefix):
                continue
            rest = word[len(prefix) :]
            for stem in ("", *self._stems.prefixes(rest)):
                ending = rest[len(stem) :]
                for (number,) in self._stems.get(stem, ()):
                    lemma, forms = self._forms(number)
                    for reading in forms.get((prefix, ending), ()):
                        yield reading, lemma[0] + stem + lemma[1]

    def _decode(self, number: int) -> tuple[tuple[str, str], Mapping[tuple[str, str], list[int]]]:
        """The prefix and the ending of a paradigm's lemma, and the readings of each prefix and ending."""
        numbers, affixes = array.array("H", self._paradigms.paradigms[number]), self._paradigms.affixes
        forms: dict[tuple[str, str], list[int]] = {}
        for prefix, ending, reading in zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True):
            forms.setdefault((affixes[prefix], affixes[ending]), []).append(reading)
        return next(iter(forms)), forms


def plain(form: str) -> str:
    """As the dictionary writes it: in small letters, with one kind of apostrophe."""
    return form.lower().translate(_APOSTROPHES)


def _reading(text: str) -> tuple[frozenset[str], Mapping[str, str]]:
    parts, *features = text.split("|")
    return frozenset(parts.split(",")), dict(each.split("=") for each in features)
