"""Ukrainian and Russian are told apart, whole and mixed, by what ships with the package."""

from collections import Counter

import pytest

from pipeline.language import identify, language_of, marked
from pipeline.transcript import Segment, Transcript

# As a session sounds: the same things said in both languages, and what only looks alike.
UKRAINIAN = """Шановні колеги, прошу підготуватися до голосування.
Наша фракція не підтримає цього законопроєкту.
Я передаю слово своєму колезі з комітету.
Скільки грошей виділено на відбудову шкіл?
Люди чекають від нас рішень, а не розмов.
Вода прибуває, рятувальники працюють на місці.
Це питання знято з розгляду.
Добрий ранок, дорогі друзі!
Ціни на газ зросли втричі за один рік.
Уряд затвердив програму підтримки підприємців.
Ми не можемо залишити ветеранів без допомоги.
Вчора ввечері в Харкові пролунали вибухи.
Дякую за увагу, готовий відповісти на запитання.
Хто проти, прошу голосувати.
Пане міністре, коли буде звіт?
Вороги били по місту всю ніч.""".splitlines()
RUSSIAN = """Уважаемые коллеги, прошу подготовиться к голосованию.
Наша фракция не поддержит этот законопроект.
Я передаю слово своему коллеге из комитета.
Сколько денег выделено на восстановление школ?
Люди ждут от нас решений, а не разговоров.
Вода прибывает, спасатели работают на месте.
Этот вопрос снят с рассмотрения.
Доброе утро, дорогие друзья!
Цены на газ выросли втрое за один год.
Правительство утвердило программу поддержки предпринимателей.
Мы не можем оставить ветеранов без помощи.
Вчера вечером в Харькове прозвучали взрывы.
Благодарю за внимание, готов ответить на вопросы.
Кто против, прошу голосовать.
Господин министр, когда будет отчёт?
Враги били по городу всю ночь.""".splitlines()


def confusion(samples: dict[str, list[str]]) -> Counter[tuple[str, str | None]]:
    return Counter((said, identify(text).language) for said, texts in samples.items() for text in texts)


def test_sentences_of_the_two_languages_are_not_confused() -> None:
    found = confusion({"uk": UKRAINIAN, "ru": RUSSIAN})
    print("\nsaid, told, how often:", *sorted(found.items(), key=str))
    assert found == {("uk", "uk"): len(UKRAINIAN), ("ru", "ru"): len(RUSSIAN)}


def test_in_capitals_they_are_not_confused_either() -> None:
    shouted = {"uk": [text.upper() for text in UKRAINIAN], "ru": [text.upper() for text in RUSSIAN]}
    assert confusion(shouted) == {("uk", "uk"): len(UKRAINIAN), ("ru", "ru"): len(RUSSIAN)}


def test_a_speech_that_switches_between_them_is_marked_where_it_switches() -> None:
    lines = [line for pair in zip(UKRAINIAN, RUSSIAN, strict=True) for line in pair]
    segments, at = [], 0
    for line in lines:
        segments.append(Segment(at, at + len(line), speaker="Депутат"))
        at += len(line) + 1
    speech = Transcript(text="\n".join(lines), segments=tuple(segments))
    told = [segment.language for segment in marked(speech, "uk")]
    assert told == [None, "ru"] * len(UKRAINIAN)


def test_a_long_text_is_of_the_language_most_of_it_is_in() -> None:
    foreword = " ".join(RUSSIAN[:4])
    assert identify(foreword + "\n" + "\n".join(UKRAINIAN * 3)).language == "uk"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Good evening, this is the news at nine o'clock.", "en"),
        ("Dobry wieczór, oto najważniejsze wiadomości dnia.", "pl"),
        ("Добры вечар, паважаныя гледачы, гэта навіны гадзіны.", "be"),
        ("Добър вечер, уважаеми зрители, това са новините.", "bg"),
    ],
)
def test_other_languages_have_their_code(text: str, language: str) -> None:
    assert identify(text).language == language


def test_a_text_that_is_too_short_to_tell_is_what_its_sender_says() -> None:
    assert identify("Так!").language is None
    assert language_of(Transcript(text="Так!", language="ru"), "uk") == "ru"
    assert language_of(Transcript(text="Так!"), "uk") == "uk"
    assert language_of(Transcript(text=RUSSIAN[0], language="uk"), "uk") == "ru"
