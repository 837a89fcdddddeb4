"""What the default bundle takes for names where taggers err: capitals that are no name, dates in words, offices.

The sentences of expressions.txt were written for it, and none of them is learned from.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from pipeline.artifact import Entities
from pipeline.models.bundle import SHIPPED, Bundle
from pipeline.models.evaluate.reading import Reader
from pipeline.models.train.written import Named, read_sentences

SENTENCES = read_sentences(Path(__file__).with_name("expressions.txt"))
EXAMPLE = Path(__file__).parents[3] / "examples" / "zvernennia.txt"
# In no name, it is a kind of thing: «ППО» is air defence, «ПДВ» a tax.
CAPITALS = re.compile(r"\b(?:[А-ЯІЇЄҐ]{2,5}|БпЛА)\b")

LEAST = 0.76  # F1 of names
MOST = 0.25  # of the kinds of things are taken for organisations

Found = set[tuple[int, int, str]]


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(Bundle(SHIPPED / "uk"))


def test_capitals_that_are_no_organisation_and_whole_dates_of_an_address(reader: Reader) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    (said,) = _names(reader, [text])
    found = {(text[start:end], type_) for start, end, type_ in said}
    assert {
        ("Третє січня", "DATE"),
        ("Шосте січня", "DATE"),
        ("Коаліції охочих", "ORG"),
        ("начальники генеральних штабів", "JOB"),
    } <= found
    assert not [name for name, type_ in found if type_ == "ORG" and re.search("ППО|НРК", name)]


def test_names_are_told_from_what_only_looks_like_them(reader: Reader) -> None:
    said = _names(reader, [sentence.text for sentence in SENTENCES])
    true = [{(name.start, name.end, name.type) for name in sentence.names} for sentence in SENTENCES]
    counts = Counter[str]()
    for one, other in zip(said, true, strict=True):
        counts += Counter(both=len(one & other), all=len(one) + len(other))
    assert 2 * counts["both"] / counts["all"] > LEAST


def test_a_kind_of_thing_is_seldom_an_organisation(reader: Reader) -> None:
    kinds = taken = 0
    for sentence, said in zip(SENTENCES, _names(reader, [sentence.text for sentence in SENTENCES]), strict=True):
        for start, end in _kinds(sentence):
            kinds += 1
            taken += any(type_ == "ORG" and first <= start and end <= last for first, last, type_ in said)
    assert kinds > 100 and taken <= MOST * kinds


def _kinds(sentence: Named) -> list[tuple[int, int]]:
    """Where they are. «Дністровська ГЕС» has a name of its own, and a headline in capitals says nothing."""
    if sentence.text.isupper():
        return []
    found = [match.span() for match in CAPITALS.finditer(sentence.text)]
    return [(at, end) for at, end in found if not any(name.start <= at and end <= name.end for name in sentence.names)]


def _names(reader: Reader, texts: list[str]) -> list[Found]:
    result = []
    for subject in reader.read(texts, "parse", "entities"):
        entities = subject.said["entities"]
        assert isinstance(entities, Entities)
        result.append({(at.start, at.end, entity.type) for entity in entities.entities for at in entity.mentions})
    return result
