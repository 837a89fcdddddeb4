"""The dictionary of a bundle, from one in the format of pymorphy (pymorphy2.readthedocs.io, "Internals").

For Ukrainian that is the package pymorphy3-dicts-uk, made from VESUM (github.com/brown-uk/dict_uk). Its grammemes are
those of OpenCorpora (opencorpora.org/dict.php?act=gram); here they become features of Universal Dependencies, and its
parts of speech those that the treebanks call such words. What has no counterpart there is left out.
"""

from __future__ import annotations

import array
import json
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import marisa_trie
import msgspec

from pipeline.models.dictionary import PARADIGMS, STEM_FORMAT, STEMS, Paradigms

_PARTS = {
    "NOUN": "NOUN,PROPN",
    "ADJF": "ADJ,DET",
    "NPRO": "ADV,DET,PRON",
    "VERB": "AUX,VERB",
    "GRND": "AUX,VERB",
    "NUMR": "DET,NUM",
    "ADVB": "ADV",
    "PREP": "ADP",
    "CONJ": "CCONJ,SCONJ",
    "PRCL": "AUX,CCONJ,INTJ,PART",
    "INTJ": "INTJ",
    "PRED": "ADJ,ADV,VERB",
}
_FEATURES = {
    "nomn": "Case=Nom",
    "gent": "Case=Gen",
    "datv": "Case=Dat",
    "accs": "Case=Acc",
    "ablt": "Case=Ins",
    "loct": "Case=Loc",
    "voct": "Case=Voc",
    "masc": "Gender=Masc",
    "femn": "Gender=Fem",
    "neut": "Gender=Neut",
    "plur": "Number=Plur",
    "sing": "Number=Sing",
    "perf": "Aspect=Perf",
    "impf": "Aspect=Imp",
    "anim": "Animacy=Anim",
    "inan": "Animacy=Inan",
    "past": "Tense=Past",
    "pres": "Tense=Pres",
    "futr": "Tense=Fut",
    "infn": "VerbForm=Inf",
    "impr": "Mood=Imp",
    "1per": "Person=1",
    "2per": "Person=2",
    "3per": "Person=3",
}
# Words that have no number of their own are singular when they have a gender, unless they are never declined.
_DECLINED, _NEVER_DECLINED = frozenset({"NOUN", "ADJF"}), "Fixd"


def compile_dictionary(source: Path, folder: Path, beginning: str = "") -> None:
    """Write the files of a bundle to `folder`: of the words that begin so, and of all by default.

    `source` is a folder with a dictionary of pymorphy's, format 2.4.
    """
    meta = dict(_json(source / "meta.json"))
    prefixes = meta["compile_options"]["paradigm_prefixes"]
    suffixes = _json(source / "suffixes.json")
    tags = [reading_of(tag) for tag in _json(source / meta["gramtab_formats"]["opencorpora-int"])]
    affixes, readings = _Numbers(), _Numbers()
    paradigms, shapes = [], []
    for numbers in _paradigms(source / "paradigms.array"):
        size = len(numbers) // 3
        entries = array.array("H")
        shape = []
        for suffix, tag, prefix in zip(numbers[:size], numbers[size : 2 * size], numbers[2 * size :], strict=True):
            shape.append((prefixes[prefix], suffixes[suffix]))
            entries.extend((affixes[prefixes[prefix]], affixes[suffixes[suffix]], readings[tags[tag]]))
        paradigms.append(entries.tobytes())
        shapes.append(shape)
    marisa_trie.RecordTrie(STEM_FORMAT, _stems(source / "words.dawg", shapes, beginning)).save(str(folder / STEMS))
    compiled = Paradigms(tuple(affixes), tuple(readings), tuple(paradigms))
    (folder / PARADIGMS).write_bytes(msgspec.msgpack.encode(compiled))


def reading_of(tag: str) -> str:
    """A tag of OpenCorpora's ("NOUN,anim masc,nomn") as parts of speech and features."""
    grammemes = tag.replace(" ", ",").split(",")
    part = next((each for each in grammemes if each in _PARTS), "")
    features = {_FEATURES[each] for each in grammemes if each in _FEATURES}
    has = {feature.partition("=")[0] for feature in features}
    if part in _DECLINED and "Gender" in has and "Number" not in has and _NEVER_DECLINED not in grammemes:
        features.add("Number=Sing")
    return "|".join((_PARTS.get(part, "X"), *sorted(features)))


class _Numbers(dict[str, int]):
    """A number for each text, in the order in which they are first asked for."""

    def __missing__(self, text: str) -> int:
        self[text] = len(self)
        return self[text]


def _stems(path: Path, shapes: Sequence[Sequence[tuple[str, str]]], beginning: str) -> Iterator[tuple[str, tuple[int]]]:
    """Of every lexeme its stem and paradigm: what is left of the lemma, which is a paradigm's first form."""
    from dawg_python import RecordDAWG  # noqa: PLC0415 (only whoever makes a bundle needs it)

    for word, (number, form) in RecordDAWG(">HH").load(str(path)).iteritems(beginning):
        if form == 0:
            prefix, suffix = shapes[number][0]
            yield word[len(prefix) : len(word) - len(suffix)], (number,)


def _paradigms(path: Path) -> Iterator[array.array[int]]:
    with path.open("rb") as file:
        (count,) = struct.unpack("<H", file.read(2))
        for _ in range(count):
            (size,) = struct.unpack("<H", file.read(2))
            numbers = array.array("H")
            numbers.fromfile(file, size)
            yield numbers


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
