"""Dirty text becomes clean, clean text stays what it is, and segments keep their words."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.cleaning import clean
from pipeline.transcript import Segment, Transcript
from tests.conftest import EXAMPLE


def cleaned(text: str) -> str:
    return clean(Transcript(text=text)).text


@pytest.mark.parametrize(
    ("dirty", "expected"),
    [
        ("Добрий вечір".encode().decode("cp1252", "replace").replace("\ufffd", "\x81"), "Добрий вечір"),
        ("РџСЂРёРІС–С‚, СЃРІС–С‚Рµ!", "Привіт, світе!"),
        ("ÐŸÑ€Ð¸Ð²Ñ–Ñ‚", "Привіт"),
        ("за\u0301мок і Ки\u0300їв", "замок і Київ"),
        ("зáмок", "замок"),
        ("и\u0306жак, І\u0308жак, е\u0308лка", "йжак, Їжак, ёлка"),
        ("пере\u00adно\u00adси", "переноси"),
        ("нуль\u200bова\ufeff ширина\u2060", "нульова ширина"),
        ("10\u00a0000\u202fгрн", "10 000 грн"),
        ("один\r\nдва\rтри\u2028чотири\u2029п'ять", "один\nдва\nтри\nчотири\nп'ять"),
        ("ку\x00ку\x1b\x7f", "куку"),
        ("&laquo;Так&raquo;&nbsp;&amp;amp;mdash; ні &#8470;5 &#x456;", "«Так» — ні №5 і"),
        ("Укpaїна, мicто, Iван і Cхід", "Україна, місто, Іван і Схід"),
        ("Сovid і Wіndows", "Covid і Windows"),
        ("привіт \ud800 світе", "привіт  світе"),
    ],
)
def test_dirt_is_removed(dirty: str, expected: str) -> None:
    assert cleaned(dirty) == expected


@pytest.mark.parametrize(
    "text",
    [
        "COVID-19, iPhone, Wi-Fi, HTML-код, F-16, XXI, IIIв і ХIХ століття, SMSка, PRник, YouTube-канал, iPhoneа",
        "«Лапки», “інші” й ‘ще’; тире — і – і -, апостроф ’ ʼ '",
        "R&D, AT&T, a&b; &невідоме; &#99999999; &#xD800;",
        "Łódź, Škoda, naïve café, œuvre, Müller, Ångström",
        "ﬁ, Ａ, № 5, ½, 20 °C, 5 ± 1, €100, 100₴, †",
        "Космонавтка 👩‍🚀, родина 👨‍👩‍👧, серце ❤️, прапор 🇺🇦",
        "Ўсё беларускае, ѝ болгарське",
        "日本語 і العربية",
        EXAMPLE.read_text(),
    ],
)
def test_what_is_meant_stays(text: str) -> None:
    transcript = Transcript(text=text)
    assert clean(transcript) is transcript


def test_one_bad_paragraph_changes_no_other() -> None:
    good = "Naïve café: «Ð» — літера давньоанглійської."
    assert cleaned(f"{good}\nРџСЂРёРІС–С‚, СЃРІС–С‚Рµ!\n{good}") == f"{good}\nПривіт, світе!\n{good}"


def test_segments_move_with_their_words() -> None:
    text = "За\u0301мок\u00a0&laquo;Лева&raquo;.\r\nРџСЂРёРІС–С‚, СЃРІС–С‚Рµ! Дру\u00adг."
    first, second = text.index("\r"), text.index(" Дру")
    segments = (
        Segment(0, first, "Один", 0.0, 1.0),
        Segment(first + 2, second, "Двоє", 1.0, 2.0),
        Segment(second + 1, len(text), "Троє"),
    )
    after = clean(Transcript(text=text, title="На\u00adзва", segments=segments))
    assert after.title == "Назва"
    assert [(after.text[each.start : each.end], each.speaker, each.begins) for each in after.segments] == [
        ("Замок «Лева».", "Один", 0.0),
        ("Привіт, світе!", "Двоє", 1.0),
        ("Друг.", "Троє", None),
    ]


DIRT = [
    "за\u0301мок", "&amp;nbsp;", "&#38;", "amp;", "lt;", "Укpaїна", "РџСЂРёРІС–С‚", "Ð¿Ñ€Ð¸", "\u00ad", "\u200d", "👩",
    "🚀",    "\r", "\n", "\u0301", "\u0306", "и", "І", "\u0308", "x", "ХIХ", "\u00a0", "\x80", "\x9d", "â€œ",
    "слово", ".",    "\ud800",    "&", "#", ";", "\ufe0f", "Ã©", "\u0344",
]  # fmt: skip
dirty = st.lists(st.one_of(st.sampled_from(DIRT), st.text(max_size=3)), max_size=12).map("".join)


@given(dirty)
@settings(max_examples=200, deadline=None)
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    once = cleaned(text)
    assert cleaned(once) == once


@given(st.lists(dirty.map(lambda text: text.strip("\u0300\u0301\u0306\u0308\u0344\u200d\ufe0f;")), max_size=5))
@settings(max_examples=150, deadline=None)
def test_a_segment_says_the_words_that_it_would_say_alone(parts: list[str]) -> None:
    """Parts are kept apart by line ends, so that neither words nor marks belong to two of them."""
    text, segments = "", []
    for part in parts:
        segments.append(Segment(len(text), len(text) + len(part)))
        text += part + "\n"
    after = clean(Transcript(text=text, segments=tuple(segments)))
    assert [after.text[each.start : each.end] for each in after.segments] == [cleaned(part) for part in parts]


@pytest.mark.parametrize(
    "unit", ["за\u0301", "&amp;", "\u0301", "aа", "Ð", "Р°С–", "\u200d", "\r", "👩\u200d", "â€", "\x81", "a\n"]
)
def test_the_time_grows_with_the_length_only(unit: str) -> None:
    hostile = unit * (200_000 // len(unit))
    started = time.perf_counter()
    cleaned(hostile)
    assert time.perf_counter() - started < 5
