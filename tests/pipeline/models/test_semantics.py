import numpy as np
import pytest

from pipeline.models.semantics import Labels, MarkReader, Span, marks_of

LABELS = Labels(types=("LOC", "PERS"), tones=(), topics=())
NUMBER = {mark: at for at, mark in enumerate(LABELS.marks)}


def scores(*marks: str, sure: float = 3.0) -> np.ndarray:
    result = np.zeros((len(marks), len(NUMBER)), dtype=np.float32)
    for at, mark in enumerate(marks):
        result[at, NUMBER[mark]] = sure
    return result


@pytest.mark.parametrize(
    "spans",
    [
        [],
        [Span(0, 0, "LOC")],
        [Span(1, 3, "PERS")],
        [Span(0, 1, "PERS"), Span(2, 2, "PERS"), Span(3, 5, "LOC")],
    ],
)
def test_marks_say_the_names_they_were_made_of(spans: list[Span]) -> None:
    assert MarkReader(LABELS).names(scores(*marks_of(spans, 6))) == spans


def test_marks_that_cannot_follow_one_another_are_never_chosen_together() -> None:
    begun_and_not_ended = scores("B-PERS", "O", "I-LOC", "E-LOC")
    for first, last, type_ in MarkReader(LABELS).names(begun_and_not_ended):
        assert 0 <= first <= last < 4
        assert type_ in LABELS.types


def test_of_two_readings_the_better_is_chosen() -> None:
    unsure = scores("B-PERS", "E-PERS")
    unsure[1, NUMBER["E-LOC"]] = 3.5  # would be best alone, and ends no person
    assert MarkReader(LABELS).names(unsure) == [Span(0, 1, "PERS")]
