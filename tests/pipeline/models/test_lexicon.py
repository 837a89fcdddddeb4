import gzip
from pathlib import Path

import pytest

from pipeline.models.bundle import BundleError
from pipeline.models.lexicon import Lexicon

TAGGED = [("міста", "NOUN", "місто")] * 3 + [
    ("міста", "NOUN", "міст"),
    ("мають", "VERB", "мати"),
    ("мати", "NOUN", "мати"),
]
TAGGED += [("коса", "NOUN", "коса"), ("коса", "NOUN", "косий")]


def test_a_form_has_the_lemma_it_nearly_always_had() -> None:
    lexicon = Lexicon.of(TAGGED, [])
    assert lexicon.lemma("міста", "NOUN") == "місто"
    assert lexicon.lemma("коса", "NOUN") is None  # told in two ways as often
    assert lexicon.lemma("міста", "VERB") is None


def test_words_occur_that_are_lemmas_or_are_seen_twice() -> None:
    lexicon = Lexicon.of(TAGGED, ["Об’єднання", "об'єднання", "помилкка"])
    assert lexicon.occurs("місто") and lexicon.occurs("Об'єднання")
    assert not lexicon.occurs("помилкка")


def test_it_comes_back_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "lexicon.tsv.gz"
    Lexicon.of(TAGGED, ["слово", "слово"]).save(path)
    again = Lexicon.load(path)
    assert again.lemma("мають", "VERB") == "мати" and again.occurs("слово")


def test_a_line_that_is_none_is_told_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "lexicon.tsv.gz"
    path.write_bytes(gzip.compress("слово\nслова\tNOUN\n".encode()))
    with pytest.raises(BundleError, match=r"lexicon\.tsv\.gz:2"):
        Lexicon.load(path)


@pytest.mark.parametrize("data", [b"word\n", gzip.compress("слово\n".encode())[:-9], gzip.compress(b"\xff\xfe")])
def test_a_file_that_is_no_lexicon_is_told(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "lexicon.tsv.gz"
    path.write_bytes(data)
    with pytest.raises(BundleError, match=r"lexicon\.tsv\.gz: no lexicon"):
        Lexicon.load(path)


def test_the_same_words_are_the_same_file(tmp_path: Path) -> None:
    for name in ("one", "two"):
        Lexicon.of(TAGGED, ["слово", "слово"]).save(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
