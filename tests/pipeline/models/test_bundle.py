import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline.models.bundle import Bundle, BundleError, installed
from pipeline.models.pack import pack


@pytest.fixture
def small(tmp_path: Path) -> Bundle:
    """A bundle of four tiny files."""
    for name in ("a.pt", "b.pt"):
        (tmp_path / name).write_bytes(name.encode())
    facts = "\n".join(f'[files."{name}"]\nwhat = "w"\ntrained_on = ["t"]\nlicence = "l"' for name in ("a.pt", "b.pt"))
    (tmp_path / "bundle.toml").write_text(
        'name = "x"\nlanguage = "xx"\nscript = "LATIN"\nversion = "1"\nstanza = "1"\n'
        '[stages]\nparse = ["a.pt"]\nentities = ["a.pt"]\nsentiment = ["b.pt"]\ntopics = ["b.pt"]\n'
        f"{facts}\n[scores]\n"
    )
    return pack(tmp_path)


def test_the_manifest_is_that_of_bundle_toml(bundle: Bundle, tmp_path: Path) -> None:
    copy = tmp_path / "uk"
    shutil.copytree(bundle.folder, copy)
    assert pack(copy).manifest == bundle.manifest


def test_a_changed_file_is_found(small: Bundle) -> None:
    small.verify()
    small.path("b.pt").write_bytes(b"c.pt")
    small.verify_stage("parse")
    with pytest.raises(BundleError, match=r"b\.pt: SHA-256 is"):
        small.verify_stage("topics")
    small.path("b.pt").write_bytes(b"b.p")
    with pytest.raises(BundleError, match=r"b\.pt: 3 bytes, the manifest promises 4"):
        small.verify()


def test_a_missing_file_is_found(small: Bundle) -> None:
    small.path("a.pt").unlink()
    with pytest.raises(BundleError, match=r"a\.pt: missing"):
        small.verify()


def test_a_folder_without_manifest_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no manifest\.json"):
        _ = Bundle(tmp_path).manifest
    assert installed(tmp_path) == {}


def test_a_manifest_of_another_schema_is_refused(small: Bundle) -> None:
    path = small.path("manifest.json")
    content = msgspec.json.decode(path.read_bytes())
    path.write_bytes(msgspec.json.encode({**content, "schema": "efir.bundle/9"}))
    with pytest.raises(BundleError, match=r"efir\.bundle/9"):
        _ = Bundle(small.folder).manifest


def changed(bundle: Bundle, **fields: Any) -> Bundle:
    """The bundle with other fields in its manifest."""
    path = bundle.path("manifest.json")
    path.write_bytes(msgspec.json.encode({**msgspec.json.decode(path.read_bytes()), **fields}))
    return Bundle(bundle.folder)


@pytest.mark.parametrize(
    "name", ["../a.pt", "/etc/passwd", "a/../../a.pt", ".hidden", "a\\b", "a\0b", "", "a//b", "manifest.json", "a/"]
)
def test_a_manifest_names_no_file_outside_its_folder(small: Bundle, name: str) -> None:
    file = msgspec.to_builtins(small.manifest.files["a.pt"])
    files = {**msgspec.to_builtins(small.manifest.files), name: file}
    with pytest.raises(BundleError, match="not the name of a file within the bundle"):
        _ = changed(small, files=files).manifest


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"name": "../uk"}, "letters, digits"),
        ({"language": "u k"}, "letters, digits"),
        ({"stages": {"parse": ["c.pt"]}}, r"wants files that it does not describe: c\.pt"),
        ({"stages": {"parsing": ["a.pt"]}}, "there are parse, entities"),
        ({"processors": {"pos": {"model": "b.pt"}}}, r"processor 'pos' wants files that stage 'parse' does not: b\.pt"),
        ({"processors": {"spell": {"model": "a.pt"}}}, "not a readable manifest"),
        ({"files": []}, "not a readable manifest"),
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused(small: Bundle, fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(BundleError, match=problem):
        _ = changed(small, **fields).manifest


def test_a_manifest_that_is_no_json_or_endless_is_refused(small: Bundle) -> None:
    for data in (b"{", b"\xff\xfe", b" " * 1_000_001):
        small.path("manifest.json").write_bytes(data)
        with pytest.raises(BundleError, match="not a readable manifest"):
            _ = Bundle(small.folder).manifest


def test_a_bundle_that_lacks_stages_says_which(small: Bundle) -> None:
    bundle = changed(small, stages={"parse": ["a.pt"], "entities": ["a.pt"]})
    assert bundle.lacks == ("sentiment", "topics")
    with pytest.raises(BundleError, match="no files for sentiment and topics"):
        _ = bundle.fingerprints


def test_fingerprints_follow_what_the_manifest_says_of_processors_and_types(small: Bundle) -> None:
    before = small.fingerprints
    types = changed(small, entity_types={"PER": "PERS"}).fingerprints
    assert [stage for stage in before if before[stage] != types[stage]] == ["entities"]
    parts = changed(small, processors={"pos": {"model": "a.pt"}}, entity_types={}).fingerprints
    assert all(before[stage] != parts[stage] for stage in before)  # the others need the parse


def test_a_bundle_toml_with_a_mistake_is_told(small: Bundle) -> None:
    toml = small.path("bundle.toml")
    good = toml.read_text()
    for bad, problem in (
        ("[stages", "is no TOML"),
        (good.replace("what =", "that ="), "what"),
        (good.replace('[files."b.pt"]', '[files."../b.pt"]'), "not the name of a file within"),
        (good.replace('topics = ["b.pt"]', 'topics = ["c.pt"]'), "does not describe"),
        (good.replace("b.pt", "c.pt"), "named in bundle.toml but not there"),
        ('name = "x"\n[files]', "missing required field"),
        ("files = 3", "files"),
        ('files = {"a.pt" = 3}', "files"),
    ):
        toml.write_text(bad)
        with pytest.raises(BundleError, match=problem):
            pack(small.folder)
    toml.unlink()
    with pytest.raises(BundleError, match=r"no bundle\.toml"):
        pack(small.folder)
    Bundle(small.folder).verify()  # the manifest that was there stands


def test_fingerprints_follow_the_files(small: Bundle) -> None:
    before = small.fingerprints
    small.path("b.pt").write_bytes(b"other")
    after = pack(small.folder).fingerprints
    assert [stage for stage in before if before[stage] != after[stage]] == ["sentiment", "topics"]
