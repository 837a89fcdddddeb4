import shutil
from pathlib import Path

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


def test_the_shipped_bundle_is_whole(bundle: Bundle) -> None:
    bundle.verify()
    assert bundle.manifest.language == "uk"
    assert all(file.licence and file.trained_on for file in bundle.manifest.files.values())
    assert sum(file.size for file in bundle.manifest.files.values()) <= 90_000_000


def test_the_manifest_is_that_of_bundle_toml(bundle: Bundle, tmp_path: Path) -> None:
    copy = tmp_path / "uk"
    shutil.copytree(bundle.folder, copy)
    assert pack(copy).manifest == bundle.manifest


def test_a_changed_file_is_found(small: Bundle) -> None:
    small.verify()
    small.path("b.pt").write_bytes(b"other")
    small.verify_stage("parse")
    with pytest.raises(BundleError, match=r"b\.pt: SHA-256 is"):
        small.verify_stage("topics")


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


def test_fingerprints_follow_the_files(small: Bundle) -> None:
    before = small.fingerprints
    small.path("b.pt").write_bytes(b"other")
    after = pack(small.folder).fingerprints
    assert [stage for stage in before if before[stage] != after[stage]] == ["sentiment", "topics"]
