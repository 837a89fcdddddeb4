"""What speech recognition hears keeps its times; what it invents for silence goes."""

import json
from typing import Any

from tests.pipeline.readers.reading import spoken, times, transcript


def recording(*segments: dict[str, Any], **more: Any) -> str:
    return json.dumps({"segments": list(segments), **more}, ensure_ascii=False)


def test_segments_become_sentences_with_speakers() -> None:
    found = transcript(
        recording(
            {"id": 0, "start": 0.0, "end": 4.0, "text": " Добрий вечір, ми", "tokens": [1], "speaker": "SPEAKER_00"},
            {"id": 1, "start": 4.0, "end": 6.0, "text": " з України.", "speaker": "SPEAKER_00"},
            {"id": 2, "start": 6.0, "end": 7.0, "text": " Вітаю!", "speaker": "SPEAKER_01"},
            text="...",
            language="Ukrainian",
        ),
        "ranok.json",
    )
    assert (found.format, found.language, found.title) == ("whisper", "uk", "ranok")
    assert spoken(found) == [("Добрий вечір, ми з України.", "SPEAKER_00"), ("Вітаю!", "SPEAKER_01")]
    assert times(found) == [(0, 6), (6, 7)]


def test_times_of_words_are_better_than_interpolated_ones() -> None:
    words = [
        {"word": "Так.", "start": 0.5, "end": 0.9, "score": 0.9, "speaker": "А"},
        {"word": "О", "start": 3.0, "end": 3.2, "speaker": "А"},
        {"word": "18:30", "speaker": "А"},
        {"word": "почнемо.", "start": 3.5, "end": 4.0, "speaker": "Б"},
    ]
    found = transcript(recording({"start": 0, "end": 4, "text": "Так. О 18:30 почнемо.", "words": words}))
    assert spoken(found) == [("Так.", "А"), ("О 18:30", "А"), ("почнемо.", "Б")]
    assert times(found) == [(0.5, 0.9), (3, 3.2), (3.5, 4)]


def test_whispers_own_words_are_joined_as_it_means_them() -> None:
    words = [{"word": word, "start": n, "end": n + 1} for n, word in enumerate((" Кінець", "-", "кінцем", " добре."))]
    found = transcript(recording({"start": 0, "end": 4, "text": " Кінець-кінцем добре.", "words": words}))
    assert found.text == "Кінець-кінцем добре."


def test_what_is_likely_silence_and_unlikely_words_is_dropped() -> None:
    found = transcript(
        recording(
            {"start": 0, "end": 2, "text": "Добрий день.", "no_speech_prob": 0.9, "avg_logprob": -0.2},
            {"start": 2, "end": 4, "text": "Незрозуміле.", "no_speech_prob": 0.1, "avg_logprob": -1.4},
            {"start": 4, "end": 30, "text": "Дякую за перегляд!", "no_speech_prob": 0.8, "avg_logprob": -1.4},
        )
    )
    assert found.text == "Добрий день. Незрозуміле."


def test_confidence_is_the_words_own_else_that_of_their_segment() -> None:
    words = [{"word": " Так,", "start": 0, "end": 1, "probability": 0.5}, {"word": " добре.", "start": 1, "end": 2}]
    found = transcript(
        recording(
            {"start": 0, "end": 2, "text": " Так, добре.", "words": words, "avg_logprob": 0.0},
            {"start": 2, "end": 3, "text": " Ні.", "avg_logprob": -0.5},
            {"start": 3, "end": 4, "text": " Гаразд."},
        )
    )
    assert [each.confidence for each in found.segments] == [0.8, 0.607, None]
    scored = [{"word": "Так.", "start": 0, "end": 1, "score": 0.9}, {"word": "Ні.", "start": 1, "end": 2, "score": 7}]
    found = transcript(recording({"start": 0, "end": 2, "text": "Так. Ні.", "words": scored}))
    assert [each.confidence for each in found.segments] == [0.9, None]
