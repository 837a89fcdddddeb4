"""Texts written for training: how they are read, and that the shipped ones are what they should be."""

from pathlib import Path

import pytest

from pipeline.models.bundle import SHIPPED
from pipeline.models.evaluate.iob import Span
from pipeline.models.stanza_models import open_tokenizer
from pipeline.models.train import examples, labelled
from pipeline.models.train.labelled import Texts
from pipeline.models.train.recipe import Recipe
from pipeline.models.train.written import read_sentences, read_written
from tests import tiny_data
from tests.pipeline.models.train.test_labels import TYPES

FILE = """#P1 medtop:11000000,medtop:20000593
0|[Олена Ткач|PERS] живе у [Києві|LOC].
-2|Це жах!
#P2 medtop:15000000
1|Команда виграла матч.
"""


def test_names_are_where_they_stand_in_the_passage(tmp_path: Path) -> None:
    path = tmp_path / "written.txt"
    path.write_text(FILE, encoding="utf-8")
    first, second = read_written(path)
    assert first.text == "Олена Ткач живе у Києві. Це жах!" and first.topics[1] == "medtop:20000593"
    assert first.names == [Span(0, 10, "PERS"), Span(18, 23, "LOC")]
    assert [sentence.valence for sentence in first.sentences] == [0, -2]
    assert second.text == "Команда виграла матч." and not second.names


@pytest.mark.parametrize(
    "line",
    ["Олена", "3|Олена", "0|[Олена|PERS", "0|[Олена|pers] тут", "0|Олена | тут", "#P1", "0|[[Київ|LOC] тут|ORG]"],
)
def test_a_line_that_is_neither_header_nor_sentence_is_told(tmp_path: Path, line: str) -> None:
    path = tmp_path / "written.txt"
    path.write_text(f"#P1 medtop:11000000\n0|Так.\n{line}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"written\.txt:3"):
        read_written(path)


def test_names_tone_and_topics_are_learned_from_them(tmp_path: Path) -> None:
    data = tiny_data.write(tmp_path / "data")
    (tmp_path / "written.txt").write_text(FILE, encoding="utf-8")
    recipe = Recipe.read(data / "recipe.toml").semantics
    assert recipe
    tokenizer, texts = open_tokenizer(SHIPPED / "uk" / "tokenize.pt", "uk"), Texts(data)
    written = read_written(tmp_path / "written.txt")
    topics = ("medtop:11000000", "medtop:15000000", "medtop:20000593")
    names, tones, passages = (
        [*known, *chosen_by]
        for known, chosen_by in (
            examples.names(tokenizer, recipe, texts, written),
            examples.tones(tokenizer, recipe, texts, written),
            examples.passages(tokenizer, recipe, texts, topics, written),
        )
    )
    assert any(marked.forms[:2] == ("Олена", "Ткач") and marked.spans[0].type == "PERS" for marked in names)
    assert ("Це", "жах", "!") in [toned.forms for toned in tones if examples.TONES[toned.tone] == "negative"]
    assert (1.0, 0.0, 1.0) in [passage.topics for passage in passages if passage.source == "P1"]


def test_names_alone_are_learned_from_sentences(tmp_path: Path) -> None:
    data = tiny_data.write(tmp_path / "data")
    (tmp_path / "names.txt").write_text("ППО збила дрон під [Києвом|LOC].\nНРК везе воду.\n", encoding="utf-8")
    recipe = Recipe.read(data / "recipe.toml").semantics
    assert recipe
    tokenizer = open_tokenizer(SHIPPED / "uk" / "tokenize.pt", "uk")
    known, _ = examples.names(tokenizer, recipe, Texts(data), read_sentences(tmp_path / "names.txt"))
    assert [(marked.forms[0], [span.type for span in marked.spans]) for marked in known[-2:]] == [
        ("ППО", ["LOC"]),
        ("НРК", []),
    ]


@pytest.mark.parametrize("line", ["", "  ", "[Київ|LOC", "[Київ] тут", "Київ | тут"])
def test_a_line_that_is_no_sentence_is_told(tmp_path: Path, line: str) -> None:
    path = tmp_path / "names.txt"
    path.write_text(f"Так.\n{line}\nНі.\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"names\.txt:2"):
        read_sentences(path)


def test_the_shipped_sentences_are_whole() -> None:
    sentences = read_sentences(labelled.OWN / "uk-written-names.txt")
    assert len({sentence.text for sentence in sentences}) == len(sentences) > 400
    assert {name.type for sentence in sentences for name in sentence.names} == TYPES


def test_the_shipped_passages_are_whole() -> None:
    passages = read_written(labelled.OWN / "uk-written.txt")
    assert len({passage.id for passage in passages}) == len(passages) > 1_000
    assert all(len(passage.sentences) >= 3 for passage in passages)
    assert {name.type for passage in passages for name in passage.names} == TYPES
    assert len({passage.text for passage in passages}) == len(passages)
