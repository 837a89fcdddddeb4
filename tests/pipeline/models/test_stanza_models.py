"""What Stanza is given to load. That it loads is shown by the stages, and by downloaded models."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
import stanza
from stanza.models.common.foundation_cache import FoundationCache

from pipeline.models.bundle import Bundle, BundleError
from pipeline.models.pack import pack
from pipeline.models.stanza_models import StanzaModels

FILES = ("tokenize.pt", "pos.pt", "lemma.pt", "depparse.pt", "ner.pt", "vectors.pt", "other.pt")


def bundle_of(folder: Path, parse: tuple[str, ...], processors: str = "") -> Bundle:
    for name in FILES:
        (folder / name).write_text(name)
    listed = ", ".join(f'"{name}"' for name in parse)
    (folder / "bundle.toml").write_text(
        'name = "x"\nlanguage = "xx"\nscript = "LATIN"\nversion = "1"\nstanza = "1"\n'
        f'[stages]\nparse = [{listed}]\nentities = ["ner.pt", "vectors.pt"]\n{processors}\n'
        + "".join(f'[files."{name}"]\nwhat = "w"\ntrained_on = ["t"]\nlicence = "MIT"\n' for name in FILES)
        + "[scores]\n"
    )
    return pack(folder)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What Stanza's pipeline is made with."""
    options: dict[str, Any] = {}

    class Pipeline:
        def __init__(self, **given: Any) -> None:
            options.update(given)
            self.processors = {name: MagicMock() for name in given["processors"].split(",")}

    monkeypatch.setattr(stanza, "Pipeline", Pipeline)
    return options


def paths(given: dict[str, Any]) -> dict[str, str]:
    return {name: Path(value).name for name, value in given.items() if name.endswith("_path")}


def test_files_are_found_by_their_usual_names_and_nothing_is_downloaded(tmp_path: Path, given: dict[str, Any]) -> None:
    bundle = bundle_of(tmp_path, ("tokenize.pt", "pos.pt", "lemma.pt", "depparse.pt", "vectors.pt"))
    StanzaModels(bundle, FoundationCache()).tokenizer()
    assert paths(given) == {
        "tokenize_model_path": "tokenize.pt",
        "pos_model_path": "pos.pt",
        "pos_pretrain_path": "vectors.pt",
        "lemma_model_path": "lemma.pt",
        "depparse_model_path": "depparse.pt",
        "depparse_pretrain_path": "vectors.pt",
    }
    assert given["processors"] == "tokenize,pos,lemma,depparse"
    assert given["download_method"] is None and given["package"] is None and not given["use_gpu"]


def test_files_are_those_that_the_manifest_names(tmp_path: Path, given: dict[str, Any]) -> None:
    processors = (
        '[processors.tokenize]\nmodel = "tokenize.pt"\n[processors.mwt]\nmodel = "other.pt"\n[processors.lemma]\n'
        '[processors.pos]\nmodel = "pos.pt"\nforward_charlm = "other.pt"\n[processors.depparse]\nmodel = "depparse.pt"'
    )
    bundle = bundle_of(tmp_path, ("tokenize.pt", "pos.pt", "depparse.pt", "other.pt"), processors)
    StanzaModels(bundle, FoundationCache()).tokenizer()
    assert given["processors"] == "tokenize,mwt,pos,lemma,depparse"
    assert given["lemma_use_identity"] and "lemma_model_path" not in given
    assert paths(given)["mwt_model_path"] == paths(given)["pos_forward_charlm_path"] == "other.pt"


def test_nothing_is_loaded_that_the_stage_does_not_verify(tmp_path: Path, given: dict[str, Any]) -> None:
    bundle = bundle_of(tmp_path, ("tokenize.pt", "pos.pt", "lemma.pt", "vectors.pt"))
    with pytest.raises(BundleError, match=r"depparse\.pt .*nobody has verified it"):
        StanzaModels(bundle, FoundationCache()).tokenizer()
    assert not given


def test_a_processor_without_a_model_is_told(tmp_path: Path, given: dict[str, Any]) -> None:
    bundle = bundle_of(tmp_path, ("tokenize.pt",), '[processors.tokenize]\nmodel = "tokenize.pt"')
    models = StanzaModels(bundle, FoundationCache())
    models.tokenizer()
    assert given["processors"] == "tokenize"
    with pytest.raises(BundleError, match="no model for Stanza's processor 'pos'"):
        models.annotator()
