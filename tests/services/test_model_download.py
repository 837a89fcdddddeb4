"""Stanza's models from a server that stands in for Stanza's: real ones, made here, through all the stages."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tenacity import wait_none

from pipeline import graph
from pipeline.artifact import Content, Entities, Parse, Sentiment, Topics
from pipeline.models.bundle import SHIPPED, Bundle, BundleError
from pipeline.models.licences import Commercial, licences_of
from pipeline.models.neural import NeuralModels
from pipeline.models.pack import pack
from pipeline.models.shelf import Shelf
from pipeline.stages import Subject, open_stage
from services.downloading import Downloader, DownloadError, client
from services.model_download import Source, Wish, download
from services.settings import Settings
from tests.services.stand_in_hub import StandInHub
from tests.system.conftest import efir
from tests.texts import document
from tests.tiny_stanza import RELEASE, TinyStanza

TEXT = "Олена живе у Києві. Марія хоче, щоб жила. Софія живе в Одесі."
LIST = f"/list/resources_{RELEASE}.json"


class Office:
    """A shelf with the shipped bundle and an empty folder of one's own, and the server."""

    def __init__(self, hub: StandInHub, tiny: TinyStanza, own: Path) -> None:
        self.hub, self.own = hub, own
        self.shelf = Shelf((SHIPPED, own), {})
        self.source = Source(f"{hub.url}/list", RELEASE)
        self.resources: Any = tiny.resources(f"{hub.url}/models/{{lang}}/v{{resources_version}}/{{filename}}")
        models = tiny.root / "uk" / "models"
        for path in models.rglob("*.pt"):
            hub.files[f"/models/uk/v{RELEASE}/{path.relative_to(models)}"] = path.read_bytes()
        self.publish()

    def publish(self) -> None:
        self.hub.files[LIST] = json.dumps(self.resources).encode()

    def fetched(self) -> list[str]:
        return [path for path, _ in self.hub.asked if path != LIST]

    def path(self, file: str) -> str:
        return f"/models/uk/v{RELEASE}/{file}"

    def download(self, language: str = "uk", tries: int = 2, **wish: Any) -> Bundle:
        with client() as http:
            downloader = Downloader(http, wait_none(), tries)
            return download(self.shelf, self.own, Wish(language, **wish), self.source, downloader, lambda *_: None)

    def rest(self) -> list[str]:
        return sorted(path.name for path in self.own.iterdir())


@pytest.fixture
def office(tiny: TinyStanza, tmp_path: Path) -> Iterator[Office]:
    with StandInHub().running() as hub:
        yield Office(hub, tiny, tmp_path / "own")


@pytest.fixture(scope="module")
def made(tiny: TinyStanza, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A downloaded bundle, for the tests that only look at it or begin with it."""
    with StandInHub().running() as hub:
        return Office(hub, tiny, tmp_path_factory.mktemp("own")).download().folder


def test_the_bundle_is_whole_says_what_it_is_and_runs_through_all_stages(made: Path) -> None:
    bundle = Bundle(made)
    bundle.verify()
    assert (bundle.name, bundle.language, bundle.lacks) == ("uk-stanza", "uk", ())
    files = bundle.manifest.files
    assert files["stanza-ner-languk.pt"].trained_on == ("NER-UK 1.0 of lang-uk",)
    assert files["stanza-ner-languk.pt"].licence == "CC BY-NC-SA 4.0"
    assert files["stanza-pos-tiny_charlm.pt"].licence.startswith("see ")
    assert licences_of(bundle.manifest).commercial == Commercial.NO
    models = NeuralModels(bundle)
    subject = Subject(document(TEXT), {})
    said: dict[str, Content] = {}
    for stage in graph.STAGES:
        (said[stage],) = open_stage(stage, bundle, models).run([subject._replace(said=said)])
    parse, entities = said["parse"], said["entities"]
    assert isinstance(parse, Parse) and isinstance(entities, Entities)
    assert isinstance(said["sentiment"], Sentiment) and isinstance(said["topics"], Topics)
    assert said["topics"].topics
    # Tiny as they are, the models have learned the sentences they were trained on.
    words = [word for sentence in parse.sentences for word in sentence.words]
    assert [word.lemma for word in words][:3] == ["Олена", "жити", "у"]
    multiwords = [each for sentence in parse.sentences for each in sentence.multiwords]
    assert [each.form for each in multiwords] == ["щоб"]
    assert all(TEXT[each.start : each.end] == "щоб" for each in multiwords)
    assert {"PERS", "LOC"} & {entity.type for entity in entities.entities}


def test_a_long_sentence_keeps_its_multiword_tokens(made: Path) -> None:
    bundle = Bundle(made)
    stage = open_stage("parse", bundle, NeuralModels(bundle))
    text = "Марія хоче щоб жила " * 120
    (parse,) = stage.run([Subject(document(text), {})])
    assert isinstance(parse, Parse)
    multiwords = [each for sentence in parse.sentences for each in sentence.multiwords]
    assert len(multiwords) > 60
    assert {text[each.start : each.end] for each in multiwords} == {"щоб"}


def test_a_lemma_may_be_the_form(made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    shutil.copytree(made, folder)
    toml = folder / "bundle.toml"
    toml.write_text(
        toml.read_text().replace('[processors.lemma]\nmodel = "stanza-lemma-tiny_nocharlm.pt"', "[processors.lemma]")
    )
    bundle = pack(folder)
    assert bundle.manifest.processors["lemma"] == {}
    (parse,) = open_stage("parse", bundle, NeuralModels(bundle)).run([Subject(document(TEXT), {})])
    assert isinstance(parse, Parse)
    assert all(word.lemma == word.form for sentence in parse.sentences for word in sentence.words)


def test_it_is_put_in_place_whole_and_not_fetched_twice(office: Office) -> None:
    office.download()
    assert office.rest() == ["uk-stanza"]
    before = office.fetched()
    assert len(before) == 9
    office.download("ukrainian")
    assert office.fetched() == before
    assert office.shelf.in_use()["uk"].name == "uk"
    chosen = office.shelf._replace(chosen={"uk": "uk-stanza"}).in_use()["uk"]
    assert chosen.name == "uk-stanza"
    assert set(chosen.fingerprints.values()).isdisjoint(office.shelf.in_use()["uk"].fingerprints.values())


def test_an_interrupted_download_leaves_no_bundle_and_is_gone_on_with(office: Office) -> None:
    path = office.path("depparse/tiny_charlm.pt")
    office.hub.cut[path] = [50_000]
    with pytest.raises(DownloadError, match="same command again"):
        office.download(tries=1)
    assert "uk-stanza" not in office.shelf.bundles()
    assert office.download(tries=1).name == "uk-stanza"
    assert (path, "bytes=50000-") in office.hub.asked
    whole = [each for each, asked in office.hub.asked if each != LIST and not asked]
    assert len(whole) == len(set(whole)) == 9  # nothing but the rest was fetched the second time


def test_a_digest_that_differs_is_an_error_and_leaves_no_bundle(office: Office) -> None:
    office.hub.damaged.add(office.path("ner/languk.pt"))
    with pytest.raises(DownloadError, match=r"languk\.pt: its MD5 is"):
        office.download()
    assert "uk-stanza" not in office.shelf.bundles()


def test_what_was_published_anew_replaces_only_when_asked(office: Office, made: Path) -> None:
    shutil.copytree(made, office.own / "uk-stanza")
    office.resources["uk"]["mwt"]["tiny"]["md5"] = "0" * 32
    office.publish()
    with pytest.raises(DownloadError, match="--replace"):
        office.download()
    with pytest.raises(DownloadError, match=r"mwt/tiny\.pt: its MD5"):
        office.download(replace=True)
    Bundle(office.own / "uk-stanza").verify()
    assert office.fetched() == [office.path("mwt/tiny.pt")]  # the others are taken from what stands there
    office.resources["uk"]["mwt"]["tiny"]["md5"] = office.hub.md5(office.path("mwt/tiny.pt"))
    office.publish()
    (office.own / "uk-stanza" / "stanza-mwt-tiny.pt").write_bytes(b"damaged")
    assert office.download(replace=True).fingerprints == Bundle(made).fingerprints
    assert office.rest() == ["uk-stanza"]


def test_a_model_that_does_not_run_is_not_installed(office: Office) -> None:
    path = office.path("pos/tiny_charlm.pt")
    office.hub.files[path] = b"no model"
    office.resources["uk"]["pos"]["tiny_charlm"]["md5"] = office.hub.md5(path)
    office.publish()
    with pytest.raises(BundleError, match="do not run with this release"):
        office.download()
    assert "uk-stanza" not in office.shelf.bundles()


class Evil:
    """What runs when it is unpickled by somebody who trusts it."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.mark,)


def test_code_in_a_model_does_not_run(office: Office, tmp_path: Path) -> None:
    mark, model = tmp_path / "ran", tmp_path / "evil.pt"
    for kind, name in (("tokenize", "tiny"), ("pretrain", "tiny"), ("forward_charlm", "tiny"), ("ner", "languk")):
        torch.save({"model": Evil(mark), "vocab": Evil(mark), "emb": Evil(mark)}, model)
        path = office.path(f"{kind}/{name}.pt")
        honest, office.hub.files[path] = office.hub.files[path], model.read_bytes()
        office.resources["uk"][kind][name]["md5"] = office.hub.md5(path)
        office.publish()
        with pytest.raises(BundleError, match=r"do not run with this release.*UnpicklingError"):
            office.download()
        office.hub.files[path] = honest
        office.resources["uk"][kind][name]["md5"] = office.hub.md5(path)
    assert not mark.exists()
    torch.load(model, weights_only=False)
    assert mark.exists()  # it would have run


def test_a_language_without_classifiers_gets_a_bundle_that_says_what_it_lacks(office: Office) -> None:
    office.resources["xx"] = office.resources.pop("uk")
    for path in list(office.hub.files):
        office.hub.files[path.replace("/uk/", "/xx/")] = office.hub.files[path]
    office.publish()
    bundle = office.download("xx")
    assert bundle.lacks == ("sentiment", "topics")
    assert bundle.manifest.script == "CYRILLIC"
    assert "xx" not in office.shelf.in_use()
    with pytest.raises(BundleError, match="no files for sentiment and topics"):
        office.shelf._replace(chosen={"xx": "xx-stanza"}).in_use()


def test_a_wish_that_cannot_be_is_told_before_anything_is_fetched(office: Office) -> None:
    for language, wish, message in (
        ("qq", {}, "nothing for the language 'qq'; there are uk"),
        ("uk", {"package": "gsd"}, "no package 'gsd' for 'uk'; there are default"),
        ("uk", {"name": "../uk"}, "no name of a bundle"),
        ("uk", {"name": "uk"}, "is called 'uk' already"),
        ("uk", {"classifiers": "none"}, "no bundle 'none' for 'uk'"),
    ):
        with pytest.raises(DownloadError, match=message):
            office.download(language, **wish)
    assert office.fetched() == []


def test_the_command_downloads_shows_and_chooses(office: Office, tmp_path: Path) -> None:
    state = tmp_path / "state"
    arguments = ("models", "download", "uk", "--resources-url", office.source.resources_url)
    done = efir(*arguments, state=state)
    assert done.returncode == 0, done.stderr
    assert "EFIR_MODELS=uk=uk-stanza" in done.stderr and "not for commercial use" in done.stdout
    assert (state / "models" / "uk-stanza" / "manifest.json").is_file()
    done = efir("models", "ls", "--json", state=state, EFIR_MODELS="uk=uk-stanza")
    lines = {line["name"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert lines["uk-stanza"]["is_used"] and not lines["uk"]["is_used"]
    assert lines["uk-stanza"]["commercial_use"] == "no"
    done = efir("models", "verify", state=state)
    assert done.returncode == 0 and "uk-stanza/stanza-ner-languk.pt" in done.stdout
    shelf = Settings(state=state, models="uk=uk-stanza").shelf
    assert shelf.in_use()["uk"].folder == state / "models" / "uk-stanza"


def test_offline_the_command_says_so(tmp_path: Path) -> None:
    done = efir("models", "download", "uk", "--resources-url", "http://127.0.0.1:1", state=tmp_path)
    assert done.returncode == 1
    assert "cannot be reached" in done.stderr and "Traceback" not in done.stderr
