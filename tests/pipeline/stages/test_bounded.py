"""Texts in windows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.stages import bounded
from pipeline.stages.bounded import Window, runs


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "MOST_CHARS", 20)


def pieces(text: str) -> list[str]:
    return [text[window.start : window.end] for run in runs([text]) for window in run]


def test_short_texts_are_read_together_and_whole() -> None:
    assert list(runs(["так", "", " \n", "ні"])) == [[Window(0, 0, 3), Window(3, 0, 2)]]


def test_a_run_has_no_more_characters_than_a_window() -> None:
    assert list(runs(["а" * 15, "б" * 5, "в" * 1])) == [[Window(0, 0, 15), Window(1, 0, 5)], [Window(2, 0, 1)]]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Перше слово. І.\n\nДалі слово.", "Перше слово. І.\n\n"),
        ("Перше слово. І тут\nдалі слово.", "Перше слово. І тут\n"),
        ("Перше слово. І тут далі слово.", "Перше слово. "),
        ("перше слово і тут далі слово", "перше слово і тут "),
        ("перше" * 10, "перше" * 4),
        ("А.\n\nперше слово і тут далі слово", "А.\n\nперше слово і "),  # a break too early is none
    ],
)
def test_a_window_ends_where_it_does_least_harm(text: str, first: str) -> None:
    assert pieces(text)[0] == first


@given(st.lists(st.text(alphabet="аб .\n", max_size=200), max_size=4))
def test_every_character_that_is_seen_is_in_one_window(texts: list[str]) -> None:
    found = ["" for _ in texts]
    ends = [0 for _ in texts]
    for run in runs(texts):
        assert sum(window.end - window.start for window in run) <= 20
        for window in run:
            assert window.start >= ends[window.document]
            ends[window.document] = window.end
            found[window.document] += texts[window.document][window.start : window.end]
    assert ["".join(text.split()) for text in found] == ["".join(text.split()) for text in texts]
