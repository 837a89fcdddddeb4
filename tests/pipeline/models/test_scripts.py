import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.models.scripts import apply, script_of

WORDS = st.text("абвгґдеєжзиіїйклмнопрстуАБВІЄ'-123xyZ", min_size=1, max_size=14)


@given(WORDS, WORDS)
def test_a_script_makes_the_lemma_it_was_made_from(form: str, lemma: str) -> None:
    assert apply(script_of(form, lemma), form) == lemma


@pytest.mark.parametrize(
    ("seen", "lemma", "other", "wanted"),
    [
        ("книгою", "книга", "дорогою", "дорога"),
        ("найкращий", "кращий", "найбільший", "більший"),
        ("Шевченком", "Шевченко", "Франком", "Франко"),
        ("НАТО", "НАТО", "ЄС", "ЄС"),
        ("БУДИНКИ", "будинок", "ПОДАРУНКИ", "подарунок"),
    ],
)
def test_one_script_serves_many_words(seen: str, lemma: str, other: str, wanted: str) -> None:
    assert apply(script_of(seen, lemma), other) == wanted


def test_a_script_is_not_applied_to_a_form_that_is_too_short() -> None:
    assert apply(script_of("учителями", "учитель"), "я") is None
