"""Which of the files that Stanza publishes make a bundle."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from pipeline.artifact import Entities
from pipeline.models.semantics import Span
from pipeline.models.stanza_facts import fact_of, types_of
from pipeline.models.stanza_resources import ResourcesError, plan
from pipeline.stages import Subject
from pipeline.stages.entities import EntitiesStage
from tests.texts import document, parse_of, words

MD5 = "0123456789abcdef" * 2
_VECTORS = [{"model": "pretrain", "package": "conll17"}]
_CHARACTERS = [{"model": f"{way}_charlm", "package": "conll17"} for way in ("forward", "backward")]


def model(*dependencies: dict[str, str]) -> dict[str, Any]:
    return {"md5": MD5, "dependencies": list(dependencies)}


@pytest.fixture
def resources() -> dict[str, Any]:
    """Ukrainian as it is in the list of 1.15.0, and a language with a lemmatizer that is none, without entities."""
    return {
        "uk": {
            "tokenize": {"iu": {"md5": MD5}, "parlamint": {"md5": MD5}},
            "mwt": {"iu": {"md5": MD5}},
            "lemma": {"iu_nocharlm": {"md5": MD5}, "parlamint_nocharlm": {"md5": MD5}},
            "pos": {"iu_charlm": model(*_VECTORS, *_CHARACTERS), "parlamint_charlm": model(*_VECTORS, *_CHARACTERS)},
            "depparse": {"iu_charlm": model(*_VECTORS), "parlamint_charlm": model(*_VECTORS)},
            "ner": {"languk": model(*_VECTORS, *_CHARACTERS)},
            "pretrain": {"conll17": {"md5": MD5}},
            "forward_charlm": {"conll17": {"md5": MD5, "alternate_md5": "f" * 32}},
            "backward_charlm": {"conll17": {"md5": MD5}},
            "packages": {
                "default": {
                    "tokenize": "iu",
                    "mwt": "iu",
                    "lemma": "iu_nocharlm",
                    "pos": "iu_charlm",
                    "depparse": "iu_charlm",
                    "ner": "languk",
                },
                "parlamint": {
                    "tokenize": "parlamint",
                    "lemma": "parlamint_nocharlm",
                    "pos": "parlamint_charlm",
                    "depparse": "parlamint_charlm",
                },
            },
            "default_md5": MD5,
            "lang_name": "Ukrainian",
        },
        "ukr": {"alias": "uk"},
        "zh-hans": {
            "tokenize": {"gsd": {"md5": MD5}},
            "pos": {"gsd": model(*_VECTORS)},
            "depparse": {"gsd": model(*_VECTORS)},
            "pretrain": {"conll17": {"md5": MD5}},
            "packages": {"default": {"tokenize": "gsd", "lemma": "identity", "pos": "gsd", "depparse": "gsd"}},
        },
        "zh": {"alias": "zh-hans"},
        "round": {"alias": "round"},
        "url": "https://models.example/{lang}/{resources_version}/{filename}",
    }


def test_a_package_comes_with_what_it_depends_on_each_file_once(resources: dict[str, Any]) -> None:
    found = plan(json.dumps(resources).encode(), "ukr")
    assert (found.language, found.language_name) == ("uk", "Ukrainian")
    assert sorted(file.remote for file in found.files) == [
        "backward_charlm/conll17.pt",
        "depparse/iu_charlm.pt",
        "forward_charlm/conll17.pt",
        "lemma/iu_nocharlm.pt",
        "mwt/iu.pt",
        "ner/languk.pt",
        "pos/iu_charlm.pt",
        "pretrain/conll17.pt",
        "tokenize/iu.pt",
    ]
    assert found.processors["ner"] == {
        "model": "stanza-ner-languk.pt",
        "pretrain": "stanza-pretrain-conll17.pt",
        "forward_charlm": "stanza-forward_charlm-conll17.pt",
        "backward_charlm": "stanza-backward_charlm-conll17.pt",
    }
    assert "stanza-mwt-iu.pt" in found.parts["parse"] and "stanza-ner-languk.pt" in found.parts["entities"]
    assert next(file for file in found.files if file.kind == "forward_charlm").md5 == (MD5, "f" * 32)


def test_a_treebanks_package_takes_the_entities_of_the_default_one(resources: dict[str, Any]) -> None:
    found = plan(json.dumps(resources).encode(), "uk", "parlamint")
    assert found.models["ner"] == "languk" and "mwt" not in found.processors
    licences = {file.kind: fact_of(found, file).licence for file in found.files}
    assert licences["pos"] == "CC BY-SA 4.0" and licences["ner"] == "CC BY-NC-SA 4.0"
    assert licences["pretrain"].startswith("see ")


def test_a_lemma_may_be_the_form_and_entities_may_lack(resources: dict[str, Any]) -> None:
    found = plan(json.dumps(resources).encode(), "zh")
    assert (found.language, found.stanza_language) == ("zh", "zh-hans")
    assert found.processors["lemma"] == {} and "entities" not in found.parts


def test_what_is_not_there_is_told_with_what_is(resources: dict[str, Any]) -> None:
    for language, package, message in (
        ("xx", "default", "language 'xx'; there are uk, zh-hans"),
        ("url", "default", "language 'url'"),
        ("round", "default", "language 'round'"),
        ("uk", "gsd", "no package 'gsd' for 'uk'; there are default, parlamint"),
    ):
        with pytest.raises(ResourcesError, match=message):
            plan(json.dumps(resources).encode(), language, package)
    del resources["uk"]["pretrain"]
    with pytest.raises(ResourcesError, match="does not describe pretrain 'conll17'"):
        plan(json.dumps(resources).encode(), "uk")


@pytest.mark.parametrize("name", ["../../evil", "/etc/passwd", "a b", ""])
def test_a_list_names_no_file_elsewhere(resources: dict[str, Any], name: str) -> None:
    resources["uk"]["tokenize"][name] = {"md5": MD5}
    resources["uk"]["packages"]["default"]["tokenize"] = name
    with pytest.raises(ResourcesError, match="a name or a digest that is none"):
        plan(json.dumps(resources).encode(), "uk")


@pytest.mark.parametrize("data", [b"", b"[]", b"<html>not found</html>", b"\xff"])
def test_what_is_no_list_is_refused(data: bytes) -> None:
    with pytest.raises(ResourcesError, match="not JSON of the kind"):
        plan(data, "uk")


def test_types_are_called_as_in_efir() -> None:
    types = types_of(["PER", "LOC", "GPE", "MISC"])
    assert types == {"PER": "PERS", "GPE": "LOC"}

    class Models:
        entity_types = types

        class tagger:
            @staticmethod
            def names(sentences: Sequence[Sequence[str]]) -> list[list[Span]]:
                return [[Span(0, 0, "PER"), Span(1, 1, "LOC")] for _ in sentences]

    parse = parse_of(words(("Ada", "Ada", "PROPN", "", 0, "root"), ("Kyiv", "Kyiv", "PROPN", "", 1, "flat")))
    (content,) = EntitiesStage(Models()).run([Subject(document("Ada Kyiv"), {"parse": parse})])  # type: ignore[arg-type]
    assert isinstance(content, Entities)
    assert [entity.type for entity in content.entities] == ["PERS", "LOC"]
