"""The project's own labels: they have the form that is promised, and say what stands in the user's copy of the data."""

import csv
import json
import math
import random
import re
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
import torch

from pipeline.models.bundle import SHIPPED
from pipeline.models.encoder import Embeddings, Shape
from pipeline.models.pieces import Pieces
from pipeline.models.semantics import Span
from pipeline.models.stanza_models import open_tokenizer
from pipeline.models.syntax import Syntax
from pipeline.models.train import examples, labelled
from pipeline.models.train.labelled import Chosen, Library, Texts
from pipeline.models.train.recipe import Recipe
from pipeline.models.train.syntax import Settings, SyntaxTask, inventory_of
from pipeline.models.train.tokenizer import own_paragraphs
from pipeline.models.train.treebank import Tree, own_trees
from tests import tiny_data, tiny_encoder

TYPES = frozenset(["ART", "DATE", "DOC", "JOB", "LOC", "MISC", "MON", "ORG", "PCT", "PERIOD", "PERS", "QUANT", "TIME"])
TEXT = "Дякую всім. Рустем Умєров приїхав до Києва у вівторок. Так."


def rows(name: str) -> list[dict[str, str]]:
    with (labelled.OWN / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def length(row: dict[str, str]) -> int:
    return int(row["end"]) - int(row["start"])


@pytest.mark.parametrize("name", ["uk-names.tsv", "uk-passages.tsv", "uk-sentiment.tsv", "uk-trees.tsv"])
def test_a_stretch_is_labelled_once(name: str) -> None:
    places = [(row["source"], row["start"]) for row in rows(name)]
    assert len(places) > 900 and len(set(places)) == len(places)
    assert all(length(row) > 0 for row in rows(name))


def test_names_lie_within_their_stretch_and_do_not_overlap() -> None:
    for row in rows("uk-names.tsv"):
        at = 0
        for label in [] if row["names"] == "-" else row["names"].split(","):
            match = re.fullmatch(r"(\d+)-(\d+):([A-Z]+)", label)
            assert match and match[3] in TYPES
            assert at <= int(match[1]) < int(match[2]) <= length(row)
            at = int(match[2])


def test_trees_are_trees() -> None:
    for row in rows("uk-trees.tsv"):
        words = [re.fullmatch(r"(\d+)-(\d+):(\d+):([a-z]+(?::[a-z]+)?)", label) for label in row["words"].split(",")]
        places = [(int(word[1]), int(word[2])) for word in words if word]
        assert len(places) == len(words) and places[0][0] == 0 and places[-1][1] == length(row)
        assert all(end <= start for (_, end), (start, _) in pairwise(places))
        heads = [0, *(int(word[3]) for word in words if word)]
        assert heads[1:].count(0) == 1
        for at in range(1, len(heads)):
            seen = {at}
            while at := heads[at]:
                assert at not in seen
                seen.add(at)


def test_valence_has_five_values() -> None:
    assert {row["valence"] for row in rows("uk-sentiment.tsv")} == {"-2", "-1", "0", "1", "2"}


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of data with one transcript, and labels for it."""
    monkeypatch.setattr(labelled, "OWN", tmp_path)
    (tmp_path / "own-names.tsv").write_text(
        "source\tstart\tend\tnames\nt1\t12\t54\t0-13:PERS,25-30:LOC,33-41:DATE\nt1\t55\t59\t-\nelsewhere\t0\t9\t0-5:ORG\n"
    )
    (tmp_path / "own-trees.tsv").write_text(
        "source\tstart\tend\twords\nt1\t0\t11\t0-5:0:root,6-10:1:iobj,10-11:1:punct\nelsewhere\t0\t3\t0-3:0:root\n"
    )
    folder = tiny_data.write(tmp_path / "data")
    (folder / "transcripts").mkdir()
    (folder / "transcripts" / "t1.json").write_text(json.dumps({"id": "t1", "text": TEXT}), encoding="utf-8")
    return folder


def test_names_of_our_own_are_learned_from_like_the_corpus(data: Path) -> None:
    recipe = Recipe.read(data / "recipe.toml").semantics
    assert recipe
    tokenizer = open_tokenizer(SHIPPED / "uk" / "tokenize.pt", "uk")
    plain, _ = examples.names(tokenizer, recipe, Texts(data))
    own = msgspec.structs.replace(recipe, own_names="own-names.tsv")
    known, _ = examples.names(tokenizer, own, Texts(data))
    told, nothing = known[len(plain) :]
    assert told.forms == ("Рустем", "Умєров", "приїхав", "до", "Києва", "у", "вівторок", ".")
    assert told.spans == (Span(0, 1, "PERS"), Span(4, 4, "LOC"), Span(6, 6, "DATE"))
    assert nothing.forms == ("Так", ".") and not nothing.spans


def test_names_of_our_own_may_be_all_there_are(data: Path) -> None:
    recipe = Recipe.read(data / "recipe.toml").semantics
    assert recipe
    tokenizer = open_tokenizer(SHIPPED / "uk" / "tokenize.pt", "uk")
    own = msgspec.structs.replace(recipe, names="", own_names="own-names.tsv")
    known, chosen_by = examples.names(tokenizer, own, Texts(data))
    assert [marked.forms[0] for marked in [*known, *chosen_by]] == ["Рустем", "Так"]


def test_documents_that_are_not_chosen_are_not_learned_from(data: Path) -> None:
    chosen = Texts(data, Chosen(("transcripts/*.json",), ("doc3",)))
    assert {text.source for text in chosen.places("own-names.tsv", "names")} == {"t1"}
    assert {text.source for text in chosen.table("sentiment/train.tsv", "label")} == {"doc3"}
    none = Texts(data, Chosen(("ud/*-train.conllu",)))
    assert not none.places("own-names.tsv", "names") and not none.table("sentiment/train.tsv", "label")
    assert own_trees(data.parent / "own-trees.tsv", none.library) == []
    assert len(Texts(data).table("sentiment/train.tsv", "label")) > 10
    with pytest.raises(ValueError, match=r"transcript/\*\.json: the recipe chooses these"):
        Texts(data, Chosen(("transcript/*.json",)))


def test_trees_of_our_own_say_heads_and_relations_alone(data: Path) -> None:
    assert own_trees(data.parent / "own-trees.tsv", Library(data)) == [
        Tree(("Дякую", "всім", "."), (), (), (0, 1, 1), ("root", "iobj", "punct"))
    ]


def test_a_tokenizer_learns_where_the_words_of_our_trees_end(data: Path) -> None:
    (paragraph,) = own_paragraphs(data.parent / "own-trees.tsv", Library(data))
    assert paragraph.text == "Дякую всім." and paragraph.labels == "00001000012"


def test_passages_that_were_written_are_documents_too(data: Path) -> None:
    (data.parent / "xx-written.txt").write_text("#W1 medtop:15000000\n0|[Олена|PERS] тут.\n0|Так.\n", encoding="utf-8")
    (data.parent / "own-trees.tsv").write_text("source\tstart\tend\twords\nW1\t11\t15\t0-3:0:root,3-4:1:punct\n")
    (tree,) = own_trees(data.parent / "own-trees.tsv", Library(data, ()))
    assert tree.forms == ("Так", ".")


def test_what_nobody_said_is_not_learned(tmp_path: Path) -> None:
    encoder = tiny_encoder.write(tmp_path, ["слово за словом"], layers=2)
    whole = Tree(("Слово", "є"), ("слово", "бути"), ("NOUN", "VERB"), (2, 0), ("nsubj", "root"))
    # Its second relation is none that the treebank has.
    half = Tree(("Слово", "за"), (), (), (0, 1), ("root", "goeswith"))
    inventory = inventory_of({"one": [whole, whole]})
    shape = Shape(2, 1, pieces=len(Pieces(encoder / "tokenizer.json")._tokenizer.get_vocab()))
    torch.manual_seed(1)
    model = Syntax(shape, inventory)
    task = SyntaxTask(
        model, inventory, Embeddings(shape), Pieces(encoder / "tokenizer.json"), {"one": [half]}, {}, Settings(2, 1)
    )
    (batch,) = task.epoch(random.Random(1))
    loss = task.loss(batch)
    assert math.isfinite(loss.item()) and loss.item() > 0
    loss.backward()
    assert model.arc.left.weight.grad is not None and model.arc.left.weight.grad.any()
    assert model.tag_own.weight.grad is None or not model.tag_own.weight.grad.any()
    assert model.script.weight.grad is None or not model.script.weight.grad.any()
    # Which convention it follows says nothing of which texts follow it.
    assert model.convention_of.weight.grad is None or not model.convention_of.weight.grad.any()
