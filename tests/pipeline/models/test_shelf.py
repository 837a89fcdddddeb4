"""Which bundle is used for a language, of those there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.models.bundle import Bundle, BundleError
from pipeline.models.pack import pack
from pipeline.models.shelf import Shelf


def put(folder: Path, name: str, language: str, *stages: str) -> Bundle:
    """A bundle of one file, for all stages or for some."""
    here = folder / name
    here.mkdir(parents=True)
    (here / "a.pt").write_text(name)
    lines = [f'{stage} = ["a.pt"]' for stage in stages or ("parse", "entities", "sentiment", "topics")]
    (here / "bundle.toml").write_text(
        f'name = "{name}"\nlanguage = "{language}"\nscript = "LATIN"\nversion = "1"\nstanza = "1"\n[stages]\n'
        + "\n".join(lines)
        + '\n[files."a.pt"]\nwhat = "w"\ntrained_on = ["t"]\nlicence = "MIT"\n[scores]\n'
    )
    return pack(here)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """`xx` and `xx-open` shipped, `yy-stanza` of one's own."""
    put(tmp_path / "shipped", "xx", "xx")
    put(tmp_path / "shipped", "xx-open", "xx")
    put(tmp_path / "own", "yy-stanza", "yy")
    return Shelf((tmp_path / "shipped", tmp_path / "own"), {})


def used(shelf: Shelf) -> dict[str, str]:
    return {language: bundle.name for language, bundle in shelf.in_use().items()}


def test_the_bundle_named_like_its_language_is_used_or_the_only_one(shelf: Shelf) -> None:
    assert set(shelf.bundles()) == {"xx", "xx-open", "yy-stanza"}
    assert used(shelf) == {"xx": "xx", "yy": "yy-stanza"}


def test_another_can_be_chosen(shelf: Shelf) -> None:
    assert used(shelf._replace(chosen={"xx": "xx-open"})) == {"xx": "xx-open", "yy": "yy-stanza"}


def test_a_choice_that_is_not_there_says_what_is(shelf: Shelf) -> None:
    with pytest.raises(BundleError, match=r"'xx-close'.*not installed; there are xx, xx-open for 'xx'"):
        shelf._replace(chosen={"xx": "xx-close"}).in_use()
    with pytest.raises(BundleError, match=r"'yy-stanza' for 'xx', and it is for 'yy'"):
        shelf._replace(chosen={"xx": "yy-stanza"}).in_use()
    with pytest.raises(BundleError, match="there are none for 'zz'"):
        shelf._replace(chosen={"zz": "zz"}).in_use()


def test_several_of_which_none_is_named_like_the_language_have_to_be_chosen_from(shelf: Shelf) -> None:
    put(shelf.folders[1], "yy-mine", "yy")
    with pytest.raises(BundleError, match=r"There are yy-mine, yy-stanza. Choose one: EFIR_MODELS=yy=yy-mine"):
        shelf.in_use()
    assert used(shelf._replace(chosen={"yy": "yy-mine"}))["yy"] == "yy-mine"


def test_what_lacks_a_stage_is_there_and_not_used(shelf: Shelf) -> None:
    put(shelf.folders[1], "zz", "zz", "parse", "entities")
    assert "zz" in shelf.bundles() and "zz" not in used(shelf)
    with pytest.raises(BundleError, match="'zz', which has no files for sentiment and topics"):
        shelf._replace(chosen={"zz": "zz"}).in_use()


def test_two_of_one_name_are_not_guessed_between(shelf: Shelf) -> None:
    put(shelf.folders[1], "xx", "xx")
    with pytest.raises(BundleError, match="two bundles are called 'xx'"):
        shelf.in_use()


def test_what_is_being_written_and_folders_that_are_not_there_are_passed_over(shelf: Shelf) -> None:
    put(shelf.folders[1], "half", "zz").folder.rename(shelf.folders[1] / ".half.partial")
    (shelf.folders[1] / "no-bundle").mkdir()
    assert used(Shelf((*shelf.folders, Path("/nowhere")), {})) == {"xx": "xx", "yy": "yy-stanza"}
