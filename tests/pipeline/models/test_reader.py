"""Names, tone and topics of sentences by the shipped encoder."""

import numpy as np
import pytest

from pipeline.models import reader as module
from pipeline.models.neural import NeuralModels
from pipeline.models.semantics import Span

NAMED = ("Рустем", "Умєров", "прибув", "до", "Туреччини", ".")
GLAD = ("Дякую", "всім", "за", "чудову", "перемогу", "!")


def test_names_are_found_in_their_places(models: NeuralModels) -> None:
    named, nothing = models.reader.names([NAMED, ("Іде", "дощ", ".")])
    assert named == (Span(0, 1, "PERS"), Span(4, 4, "LOC"))
    assert nothing == ()


def test_tones_are_probabilities(models: NeuralModels) -> None:
    tones = models.reader.tones([NAMED, GLAD])
    assert tones.shape == (2, 3)
    assert np.allclose(tones.sum(axis=1), 1, atol=1e-5)
    assert models.reader.tone_labels[int(tones[1].argmax())] == "positive"


def test_what_was_read_once_is_not_read_again_while_it_is_kept(
    models: NeuralModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = models.reader
    reads: list[int] = []
    understand = reader._understand
    monkeypatch.setattr(reader, "_understand", lambda sentences: reads.append(len(sentences)) or understand(sentences))
    fresh = [("Це", "речення", "номер", str(number), ".") for number in range(20)]
    first = reader.tones(fresh)
    assert np.array_equal(first, reader.tones(fresh))
    reader.names(fresh)
    assert reads == [20, 0, 0]


def test_what_is_kept_is_bounded(models: NeuralModels, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KEPT", 10)
    fresh = [("Речення", str(number)) for number in range(40)]
    assert len(models.reader.names(fresh)) == 40
    assert len(models.reader._kept) == 10


def test_a_sentence_that_is_too_long_to_be_read_at_once_has_its_names(models: NeuralModels) -> None:
    long = (*(("слово",) * 700), *NAMED)
    (names,) = models.reader.names([long])
    assert Span(704, 704, "LOC") in names


def test_nothing_is_borne(models: NeuralModels) -> None:
    assert models.reader.names([]) == []
    assert models.reader.tones([]).shape == (0, 3)
    assert models.reader.topics([]).shape == (0, len(models.reader.topic_labels))
