from pathlib import Path

import pytest

from pipeline.models.pieces import Pieces
from tests import tiny_encoder


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> Pieces:
    folder: Path = tmp_path_factory.mktemp("encoder")
    tiny_encoder.write(folder, ["Слава Україні ! Героям слава .", "Так , це слово , і це теж слово ."] * 5)
    return Pieces(folder / "tokenizer.json")


def test_every_word_has_pieces_of_its_own(pieces: Pieces) -> None:
    batch = pieces.batch([["Слава", "Україні", "!"], ["Так"]])
    assert batch.is_word.tolist() == [[True] * 4, [True, True, False, False]]
    for words, first, last in zip((["Слава", "Україні", "!"], ["Так"]), batch.first, batch.last, strict=True):
        at = 1  # the start is piece 0
        for word, start, end in zip(words, first[1:].tolist(), last[1:].tolist(), strict=False):
            assert start == at
            at += len(pieces.of_word(word))
            assert end == at - 1


def test_what_has_no_pieces_and_what_has_too_many_are_words_all_the_same(pieces: Pieces) -> None:
    assert len(pieces.of_word("\u3164\u200b")) >= 1
    assert 1 <= len(pieces.of_word("а" * 100_000)) <= 12


def test_a_long_text_is_cut_between_words(pieces: Pieces) -> None:
    words = ["слово"] * 700
    cuts = pieces.windows(words, 100)
    ends = [*cuts[1:], len(words)]
    assert cuts[0] == 0
    assert all(pieces.count(words[first:end]) <= 100 for first, end in zip(cuts, ends, strict=True))


def test_a_text_that_is_too_long_is_told(pieces: Pieces) -> None:
    with pytest.raises(ValueError, match="at most 512"):
        pieces.batch([["слово"] * 600])
