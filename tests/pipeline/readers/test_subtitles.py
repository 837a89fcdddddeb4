"""Subtitles become sentences with a speaker and times, whatever their format does to them."""

from pipeline.readers import Limits
from tests.pipeline.readers.reading import items, spoken, times, transcript


def srt(*cues: str, every: int = 2) -> str:
    """Cues of two seconds each, one after the other."""
    return "\n".join(
        f"{number + 1}\n00:00:{number * every:02},000 --> 00:00:{number * every + 2:02},000\n{cue}\n"
        for number, cue in enumerate(cues)
    )


def test_a_sentence_over_several_cues_is_one_segment() -> None:
    found = transcript(srt("Сьогодні в Чернігові", "відкрили новий міст", "через Десну.", "Він гарний."))
    assert spoken(found) == [("Сьогодні в Чернігові відкрили новий міст через Десну.", None), ("Він гарний.", None)]
    assert times(found) == [(0, 6), (6, 8)]
    assert found.text == "Сьогодні в Чернігові відкрили новий міст через Десну. Він гарний."


def test_a_sentence_that_ends_within_a_cue_ends_at_its_share_of_the_time() -> None:
    found = transcript(srt("Так. Ні."))
    assert spoken(found) == [("Так.", None), ("Ні.", None)]
    assert times(found) == [(0, 1), (1, 2)]


def test_shortened_words_and_initials_end_no_sentence() -> None:
    found = transcript(srt("У м. Київ приїхав В. Зеленський.", "Це 2026 р. Так", "було."))
    assert [words for words, _ in spoken(found)] == ["У м. Київ приїхав В. Зеленський.", "Це 2026 р. Так було."]


def test_formatting_is_no_text() -> None:
    found = transcript(srt("{\\an8}<i>Добрий</i> <font color='red'>вечір</font> &amp; привіт", "3 < 5 і 7 > 5."))
    assert found.text == "Добрий вечір & привіт 3 < 5 і 7 > 5."


def test_stage_directions_and_notes_are_dropped_unless_they_are_wanted() -> None:
    file = srt("[сміх] Добрий вечір. (оплески)", "♪ Ще не вмерла ♪", "(тиха музика)", "Це НАТО (Альянс).")
    assert transcript(file).text == "Добрий вечір. Ще не вмерла Це НАТО (Альянс)."
    (kept,) = items(file, limits=Limits(keep_sounds=True))
    assert kept.transcript().text.startswith("[сміх] Добрий вечір. (оплески)") and "♪" in kept.transcript().text


def test_every_kind_of_subtitles_keeps_sounds_where_they_are_wanted() -> None:
    said = "[сміх] Так. (оплески) ♪ Ні. ♪"
    timed = f"<p begin='1s' end='4s'>{said}</p>"
    for file in (
        srt(said),
        f"WEBVTT\n\n00:01.000 --> 00:04.000\n<v Олена>{said}\n",
        f"<tt xmlns='http://www.w3.org/ns/ttml'><body><div>{timed}</div></body></tt>",
    ):
        assert transcript(file).text == "Так. Ні."
        (kept,) = items(file, limits=Limits(keep_sounds=True))
        assert kept.transcript().text == said


def test_speakers_are_named_in_several_ways() -> None:
    found = transcript(
        srt(
            ">> ОЛЕНА: Добрий вечір.",
            "Сьогодні про міст.",
            ">> Дякую.",
            "ІВАН МЕЛЬНИК: Так, відкрили.",
            "Петро Коваль: Ні.",
        )
    )
    assert spoken(found) == [
        ("Добрий вечір.", "ОЛЕНА"),
        ("Сьогодні про міст.", "ОЛЕНА"),
        ("Дякую.", None),
        ("Так, відкрили.", "ІВАН МЕЛЬНИК"),
        ("Ні.", "Петро Коваль"),
    ]
    assert found.speakers == ("ОЛЕНА", "ІВАН МЕЛЬНИК", "Петро Коваль")
    assert found.text.split("\n\n")[0] == "Добрий вечір. Сьогодні про міст."


def test_a_colon_alone_makes_no_speaker() -> None:
    found = transcript(srt("Увага: повітряна тривога.", "Початок о 18:30: не запізнюйтеся."))
    assert found.speakers == ()
    assert found.text == "Увага: повітряна тривога. Початок о 18:30: не запізнюйтеся."


def test_lines_with_dashes_are_turns_of_a_dialogue() -> None:
    assert transcript(srt("- Добрий день.\n- Вітаю!")).text == "- Добрий день.\n\n- Вітаю!"


def test_rolling_captions_are_said_once() -> None:
    rolling = transcript(srt("сьогодні ми", "сьогодні ми\nпоїдемо до", "поїдемо до\nміста", "міста\nразом"))
    assert rolling.text == "сьогодні ми поїдемо до міста разом"
    growing = transcript(srt("Слава", "Слава Україні", "Слава Україні і", "Слава Україні і героям."))
    assert growing.text == "Слава Україні і героям."


def test_what_people_repeat_stays() -> None:
    chant = ["Слава Україні!", "Слава Україні!", "Героям слава!", "Дякую.", "До побачення.", "Так.", "Ні.", "Може."]
    assert transcript(srt(*chant)).text == " ".join(chant)


def test_speech_without_punctuation_is_cut_at_pauses_and_never_grows_too_long() -> None:
    words = [f"слово {number} і ще кілька слів без жодного розділового знака" for number in range(20)]
    found = transcript(srt(*words, every=5).replace("00:00:60", "00:01:00"), "a.srt")
    assert len(found.segments) > 3
    assert max(each.end - each.start for each in found.segments) < 400
    without_pause = transcript(
        srt(*[f"слово {number} без кінця і краю, без крапки, коми тощо" for number in range(30)])
    )
    assert without_pause.text.count("слово") == 30
    assert max(each.end - each.start for each in without_pause.segments) < 1_100


def test_a_long_silence_parts_paragraphs() -> None:
    assert transcript(srt("Добрий вечір.", "Почнімо.", every=6)).text == "Добрий вечір.\n\nПочнімо."


def test_a_broken_file_is_read_by_its_times() -> None:
    found = transcript(
        "00:00:05.5 --> 00:00:04,000\nДруге.\n\nі ще\n\n\n7\n0:00:01,0 --> 00:00:02,000 X1:10\nПерше.\n8", "a.srt"
    )
    assert found.text == "Перше. 8 Друге. і ще"
    assert times(found) == [(1, 1.778), (1.778, 5.5)]


VTT = """WEBVTT
Kind: captions
Language: uk-UA

STYLE
::cue { color: red }

NOTE
--- це не текст

вступ
00:01.000 --> 00:03.000 align:start position:0%
<v Іван Мельник>Доброго дня!</v> <v.loud Ольга>Вітаю,
пане &amp; пані.

1:00:03.000 --> 1:00:05.000
<v Ольга><00:00:03.500><c.yellow>Як</c> <b>справи</b>?

1:00:05.000 --> 1:00:06.000
Без імені.
"""


def test_webvtt_has_voices() -> None:
    found = transcript(VTT, "a.vtt")
    assert (found.format, found.language, found.title) == ("webvtt", "uk", "a")
    assert spoken(found) == [
        ("Доброго дня!", "Іван Мельник"),
        ("Вітаю, пане & пані.", "Ольга"),
        ("Як справи?", "Ольга"),
        ("Без імені.", None),
    ]
    assert times(found)[2:] == [(3603, 3605), (3605, 3606)]
    assert found.speakers == ("Іван Мельник", "Ольга")


TTML = """<?xml version="1.0" encoding="UTF-8"?>
<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttm="http://www.w3.org/ns/ttml#metadata"
    xmlns:ttp="http://www.w3.org/ns/ttml#parameter" xml:lang="uk" ttp:frameRate="25" ttp:tickRate="1000">
  <head><metadata><ttm:title>Вечірні новини</ttm:title>
    <ttm:agent xml:id="a1" type="person"><ttm:name type="full">Олена Коваль</ttm:name></ttm:agent></metadata></head>
  <body><div begin="10s">
    <p begin="00:00:01:05" end="00:00:02:20" ttm:agent="a1">Добрий<br/>вечір.<metadata>ні</metadata></p>
    <p begin="3000t" dur="500ms" xml:lang="ru">Здравствуйте.</p>
    <p begin="0.001h">Далі <span>про міст.</span></p>
    <p><span begin="5s" end="6s">Один.</span> <span begin="6s" dur="25f" ttm:agent="a1">Два.</span></p>
  </div></body>
</tt>"""


def test_ttml_has_clocks_offsets_frames_ticks_and_agents() -> None:
    found = transcript(TTML)
    assert (found.format, found.language, found.title) == ("ttml", "uk", "Вечірні новини")
    assert spoken(found) == [
        ("Добрий вечір.", "Олена Коваль"),
        ("Здравствуйте.", None),
        ("Далі про міст.", None),
        ("Один.", None),
        ("Два.", "Олена Коваль"),
    ]
    assert times(found) == [(11.2, 12.8), (13, 13.5), (13.6, 13.6), (15, 16), (16, 17)]
    assert [each.language for each in found.segments] == [None, "ru", None, None, None]


def test_ttml_without_a_namespace_and_in_sequence_is_read() -> None:
    old = "<tt><body><div timeContainer='seq'><p dur='2s'>Один.</p><p dur='3s'>Два.</p></div></body></tt>"
    assert times(transcript(old)) == [(0, 2), (2, 5)]


def test_cues_that_overlap_give_no_time_that_runs_backwards() -> None:
    found = transcript("0:00:01,0 --> 0:00:09,0\nДовго\n\n0:00:02,0 --> 0:00:03,0\nкоротко.\n", "a.srt")
    assert times(found) == [(1, 9)]
