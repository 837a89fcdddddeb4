"""`efir models eval` and `efir models errors` on a folder of data as small as can be."""

from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from pipeline.models.bundle import SHIPPED
from pipeline.models.evaluate.errors import Confusions
from pipeline.models.evaluate.scores import Report
from services.cli import app
from tests.pipeline.models.evaluate.test_labelled import HELD_BACK
from tests.pipeline.models.evaluate.test_treebank import TREEBANK

IOB = "Приїхав O\nВолодимир B-PERS\nЗеленський I-PERS\nдо O\nКиєва B-LOC\n. O\n\n\n"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for name, text in {
        "ud/uk_parlamint-ud-test.conllu": TREEBANK,
        "ud/uk_iu-ud-dev.conllu": TREEBANK,
        "ud/uk_parlamint-ud-dev.conllu": TREEBANK,
        "ner/ner-uk-v2.test.iob": IOB * 3,
        "ner/ner-uk-v2.train.iob": IOB * 250,
        "sentiment/train.tsv": f"source\tlabel\ttext\n{HELD_BACK}\tnegative\tЖахливий злочин, загинули люди.\n",
        "topics/train.tsv": f"source\ttopics\ttext\n{HELD_BACK}\tmedtop:16000000\tНа фронті тривають бої.\n",
        "topics/iptc-mediatopics.json": '[{"id": "medtop:16000000", "name": "conflict, war and peace"}]',
    }.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return folder


def test_a_bundle_is_scored_and_the_figures_are_written(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "scores.json"
    done = CliRunner().invoke(app, ["models", "eval", "--data", str(data), "--json", str(file)])
    assert done.exit_code == 0, done.output
    assert "UD ParlaMint test" in done.output
    assert "conflict, war and peace" in done.output
    report = msgspec.json.decode(file.read_bytes(), type=Report)
    tables = {(table.name, table.how): table for table in report.tables}
    assert len(tables) == len(report.tables) == 6
    assert set(report.fingerprints) == {"parse", "entities", "sentiment", "topics"}
    given = tables["NER-UK 2.0 test", "sentences and tokens given, exact spans"]
    assert next(row for row in given.rows if row.label == "micro").gold == 6


def test_a_part_of_a_bundle_in_a_folder_is_scored(data: Path) -> None:
    said = ["models", "eval", "--data", str(data), "--bundle", str(SHIPPED / "uk"), "--only", "sentiment"]
    done = CliRunner().invoke(app, said)
    assert done.exit_code == 0, done.output
    assert "negative" in done.output and "UPOS" not in done.output


def test_errors_are_counted(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "errors.json"
    said = ["models", "errors", "--data", str(data), "--contexts", "1", "--json", str(file)]
    done = CliRunner().invoke(app, said)
    assert done.exit_code == 0, done.output
    found = msgspec.json.decode(file.read_bytes(), type=Confusions)
    assert found.tables[0].name == "part of speech"
    assert found.tables[-1].name == "entities"


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        (["--only", "parse"], "ud/uk_parlamint-ud-test.conllu: not there"),
        (["--only", "tea"], "--only wants stages"),
        (["--bundle", "nowhere"], "no bundle is called 'nowhere'"),
    ],
)
def test_what_cannot_be_done_is_said(tmp_path: Path, said: list[str], complaint: str) -> None:
    done = CliRunner().invoke(app, ["models", "eval", "--data", str(tmp_path), *said])
    assert done.exit_code == 2
    assert complaint in done.output.replace("\n", " ").replace("  ", " ")
