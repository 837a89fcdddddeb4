"""The bundles that come with Efir: whole, small enough, under the licences they say, and they read."""

from __future__ import annotations

import pytest

from pipeline.artifact import Entities
from pipeline.graph import STAGES
from pipeline.models.bundle import SHIPPED, Bundle
from pipeline.models.evaluate.reading import Reader
from pipeline.models.licences import Commercial, licences_of
from pipeline.models.shelf import Shelf

SHELF = Shelf((SHIPPED,), {})
TEXT = "Рустем Умєров зустрівся у Києві з послом. Дякуємо партнерам за допомогу, росіяни знову обстріляли Харків!"
# What forbids commercial use, by the names of files and of what is learned from.
NOT_OPEN = ("zoloto", "iu-ud", "IU", "ner-uk", "NER-UK", "corpus.jsonl", "Brown-UK", "VESUM", "pymorphy")


@pytest.mark.parametrize("bundle", SHELF.bundles().values(), ids=SHELF.bundles())
def test_it_is_whole_and_reads(bundle: Bundle) -> None:
    bundle.verify()
    assert bundle.language == "uk" and bundle.size <= 80_000_000
    assert all(file.licence and file.trained_on for file in bundle.manifest.files.values())
    (subject,) = Reader(bundle).read([TEXT], *STAGES)
    assert [word.form for word in subject.parse.sentences[0].words][:4] == ["Рустем", "Умєров", "зустрівся", "у"]
    assert subject.parse.sentences[0].words[1].upos == "PROPN"
    assert set(subject.said) == set(STAGES)
    entities = subject.said["entities"]
    assert isinstance(entities, Entities)
    assert {"PERS", "LOC"} <= {entity.type for entity in entities.entities}


def test_together_they_take_80_megabytes_at_most() -> None:
    """Files that two bundles share lie there once."""
    files = [path for path in SHIPPED.rglob("*") if path.is_file() and not path.is_symlink()]
    assert sum(path.stat().st_size for path in files) <= 80_000_000


def test_what_a_bundle_shares_lies_in_another() -> None:
    for path in filter(lambda path: path.is_symlink(), SHIPPED.rglob("*")):
        assert not path.readlink().is_absolute() and path.resolve().is_relative_to(SHIPPED.resolve())


def test_the_one_called_like_the_language_is_used() -> None:
    assert SHELF.in_use()["uk"].name == "uk"
    assert Shelf((SHIPPED,), {"uk": "uk-open"}).in_use()["uk"].name == "uk-open"


def test_the_open_one_has_learned_from_nothing_that_forbids_commercial_use() -> None:
    manifest = SHELF.bundles()["uk-open"].manifest
    assert licences_of(manifest).commercial is Commercial.YES
    learned = [name for training in manifest.training.values() for name in training.data]
    learned += [name for file in manifest.files.values() for name in file.trained_on]
    assert learned and not [name for name in learned for word in NOT_OPEN if word in name]
    assert licences_of(SHELF.bundles()["uk"].manifest).commercial is Commercial.NO
