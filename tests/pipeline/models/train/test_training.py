"""A whole bundle, from data to records, by the command: small, and real in every part."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from pipeline.graph import STAGES
from pipeline.models import annotating, reader, weights
from pipeline.models.bundle import SHIPPED, Bundle
from pipeline.models.encoder import from_pretrained
from pipeline.models.evaluate.reading import Reader
from pipeline.models.train.components import FILES
from pipeline.models.train.treebank import read_documents, read_trees
from services.cli import app
from tests import tiny_data, tiny_encoder

TEXT = "Олена живе у великому Києві. Марія живе у великому Львові."


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("training")
    data = tiny_data.write(folder / "data")
    tiny_encoder.write(folder / "encoder", tiny_data.texts(), layers=3)
    bundle = tiny_data.bundle(folder / "tiny")
    threads = torch.get_num_threads()
    result = run("all", data, folder)
    torch.set_num_threads(threads)
    assert result.exit_code == 0, result.output
    yield bundle


def run(component: str, data: Path, folder: Path, *more: str | Path):  # type: ignore[no-untyped-def]
    arguments = ["models", "train", component, "--data", data, "--encoder", folder / "encoder"]
    arguments += ["--bundle", folder / "tiny", "--runs", folder / "runs", *more]
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_what_was_trained_is_a_bundle_that_reads(made: Path) -> None:
    bundle = Bundle(made)
    bundle.verify()
    (subject,) = Reader(bundle).read([TEXT], *STAGES)
    words = [word for sentence in subject.parse.sentences for word in sentence.words]
    assert words
    assert all(TEXT[word.start : word.end] == word.form for word in words)
    for sentence in subject.parse.sentences:
        assert sum(word.head == 0 for word in sentence.words) == 1
    assert set(subject.said) == set(STAGES)


def test_all_layers_are_learned(made: Path) -> None:
    _, begun = from_pretrained(made.parent / "encoder", 3)
    for file, header in ((annotating.FILE, annotating.About), (reader.FILE, reader.About)):
        learned, _ = weights.load(made / file, header)
        biases = [name for name in begun if name.endswith("attended.bias") and f"encoder.{name}" in learned]
        assert len(biases) > 1
        assert not any(torch.equal(learned[f"encoder.{name}"], begun[name]) for name in biases)


def test_the_manifest_tells_how_each_file_was_made(made: Path) -> None:
    training = Bundle(made).manifest.training
    assert set(training) == {*FILES.values()} - {FILES["dictionary"]}  # the recipe of the tests has none
    syntax = training["syntax.safetensors"]
    assert syntax.settings["epochs"] == 2
    assert set(syntax.data) == {"ud/one-train.conllu", "ud/other-train.conllu"}
    assert [scores["epoch"] for scores in syntax.curve] == [1, 2]
    assert {"one.las", "one.upos", "one.lemma"} <= set(syntax.curve[-1])
    assert "labels/uk-written-names.txt" in training["semantics.safetensors"].data


def test_a_component_alone_is_made_anew_and_the_rest_is_left(made: Path) -> None:
    before = Bundle(made).manifest
    folder = made.parent
    assert run("pieces", folder / "data", folder).exit_code == 0
    after = Bundle(made).manifest
    assert {name: file.sha256 for name, file in after.files.items()} == {
        name: file.sha256 for name, file in before.files.items()
    }


def test_what_was_learned_is_learned_on_from(made: Path, tmp_path: Path) -> None:
    folder, another = made.parent, tmp_path / "another"
    shutil.copytree(made, another)
    before = Bundle(made).manifest.training["syntax.safetensors"]
    result = run(
        "syntax", folder / "data", folder, "--begin", made, "--bundle", another, "--runs", tmp_path / "runs"
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    after = Bundle(another).manifest.training["syntax.safetensors"]
    assert after.data["begun with syntax.safetensors"] == Bundle(made).manifest.files["syntax.safetensors"].sha256
    assert after.curve[0]["one.las"] > before.curve[0]["one.las"]


def test_weights_that_tell_other_things_are_not_learned_on_from(made: Path) -> None:
    result = run("syntax", made.parent / "data", made.parent, "--begin", SHIPPED / "uk")
    assert result.exit_code == 2
    assert "cannot be learned on from" in " ".join(result.output.split())


def test_data_that_is_not_there_is_told_by_name(made: Path, tmp_path: Path) -> None:
    result = run("syntax", tmp_path, made.parent)
    assert result.exit_code == 2
    assert "one-train.conllu" in result.output


def test_a_recipe_with_a_wrong_field_is_told_by_its_name(made: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "recipe.toml"
    wrong.write_text(tiny_data.RECIPE.replace("epochs = 2", "epoch = 2"), encoding="utf-8")
    arguments = ["models", "train", "syntax", "--data", tmp_path, "--encoder", made.parent / "encoder"]
    result = CliRunner().invoke(app, [str(each) for each in (*arguments, "--bundle", made, "--recipe", wrong)])
    assert result.exit_code == 2
    assert "epoch" in result.output


def test_trees_are_read_by_document(tmp_path: Path) -> None:
    path = tiny_data.write(tmp_path / "data") / "ud" / "one-train.conllu"
    assert len(read_documents(path)) == len(read_trees(path)) == 18
    first = read_trees(path)[0]
    assert first.tags[3] == "ADJ|Case=Loc|Degree=Pos|Number=Sing"
    assert (first.heads[0], first.relations[4]) == (2, "obl")


def test_a_line_that_is_not_conllu_is_told_by_its_number(tmp_path: Path) -> None:
    (tmp_path / "bad.conllu").write_text("# text = так\n1\tтак\n\n")
    with pytest.raises(ValueError, match=r"bad\.conllu:2"):
        read_trees(tmp_path / "bad.conllu")
