from hypothesis import given
from hypothesis import strategies as st

from pipeline.plain import PlainText

NOISE = st.sampled_from(
    ["\u0301", "\u00a0", "\r\n", "\r", "\n\n", "\u00ad", "\u200b", "🇺🇦", "👩‍👩‍👧", "и\u0306", "\x00", "\ud800"]
)


@given(st.lists(st.one_of(NOISE, st.text(max_size=5)), max_size=20).map("".join))
def test_every_span_of_the_view_is_a_span_of_the_original(text: str) -> None:
    plain = PlainText(text)
    before = 0
    for index in range(len(plain.text)):
        start, end = plain.span(index, index + 1)
        assert before <= start < end <= len(text)
        before = start
    if plain.text:
        start, end = plain.span(0, len(plain.text))
        assert 0 <= start < end <= len(text)


def test_stress_marks_are_not_read_but_belong_to_the_word() -> None:
    text = "старий за\u0301мок"
    plain = PlainText(text)
    assert plain.text == "старий замок"
    start, end = plain.span(7, 12)
    assert text[start:end] == "за\u0301мок"


def test_decomposed_letters_are_read_as_one() -> None:
    plain = PlainText("Киі\u0308в, чаи\u0306ка")
    assert plain.text == "Київ, чайка"


def test_line_ends_of_every_kind_keep_paragraphs_apart_and_no_more() -> None:
    assert PlainText("а\r\nб").text == "а \nб"
    assert PlainText("а\rб\u2028в").text == "а\nб\nв"


def test_invisible_characters_do_not_split_words() -> None:
    assert PlainText("пере\u00adноси\u200bти\ufeff").text == "переносити"


def test_what_is_no_character_becomes_a_space() -> None:
    assert PlainText("а\x00б\ud800в").text == "а б в"
