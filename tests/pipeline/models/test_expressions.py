"""What the default bundle takes for names where taggers err: capitals that are no name, dates in words, offices.

The sentences of expressions.txt were written for it, and none of them is learned from.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.models.bundle import SHIPPED, Bundle
from pipeline.models.evaluate.entities import Pair, mentions, tally
from pipeline.models.evaluate.reading import Reader
from pipeline.models.train import labelled
from pipeline.models.train.written import Named, read_sentences

SENTENCES = read_sentences(Path(__file__).with_name("expressions.txt"))
EXAMPLE = Path(__file__).parents[3] / "examples" / "zvernennia.txt"
# In no name, it is a kind of thing: «ППО» is air defence, «ПДВ» a tax.
CAPITALS = re.compile(r"\b(?:[А-ЯІЇЄҐ]{2,5}|БпЛА)\b")

LEAST = 0.76  # F1 of names
MOST = 0.25  # of the kinds of things are taken for organisations


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(Bundle(SHIPPED / "uk"))


@pytest.fixture(scope="module")
def pairs(reader: Reader) -> list[Pair]:
    subjects = reader.read([sentence.text for sentence in SENTENCES], "entities")
    found = [mentions(subject.said["entities"]) for subject in subjects]
    return [(sentence.names, names) for sentence, names in zip(SENTENCES, found, strict=True)]


def test_capitals_that_are_no_organisation_and_whole_dates_of_an_address(reader: Reader) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    (subject,) = reader.read([text], "entities")
    found = {(text[name.start : name.end], name.type) for name in mentions(subject.said["entities"])}
    assert {
        ("Третє січня", "DATE"),
        ("Шосте січня", "DATE"),
        ("Коаліції охочих", "ORG"),
        ("начальники генеральних штабів", "JOB"),
    } <= found
    assert not [name for name, type_ in found if type_ == "ORG" and re.search("ППО|НРК", name)]


def test_names_are_told_from_what_only_looks_like_them(pairs: list[Pair]) -> None:
    f1 = tally(pairs).micro().f1
    assert f1 and f1 > LEAST


def test_a_kind_of_thing_is_seldom_an_organisation(pairs: list[Pair]) -> None:
    taken = [
        any(name.type == "ORG" and name.start <= start and end <= name.end for name in found)
        for sentence, (_, found) in zip(SENTENCES, pairs, strict=True)
        for start, end in _kinds(sentence)
    ]
    assert len(taken) > 100 and sum(taken) <= MOST * len(taken)


def test_none_of_the_sentences_is_learned_from() -> None:
    learned = read_sentences(labelled.OWN / "uk-written-names.txt")
    assert not {sentence.text for sentence in SENTENCES} & {sentence.text for sentence in learned}


def _kinds(sentence: Named) -> list[tuple[int, int]]:
    """Where they are. «Дністровська ГЕС» has a name of its own, and a headline in capitals says nothing."""
    if sentence.text.isupper():
        return []
    found = [match.span() for match in CAPITALS.finditer(sentence.text)]
    return [(at, end) for at, end in found if not any(name.start <= at and end <= name.end for name in sentence.names)]
