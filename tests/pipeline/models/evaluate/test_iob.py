"""Entities in IOB files, and the text that their tokens make."""

from pathlib import Path

from pipeline.models.evaluate.iob import (
    DEV_EVERY,
    RUN,
    Span,
    Tagged,
    detokenize,
    gold_document,
    is_dev,
    read_iob,
    spans,
    tags,
)


def test_spans_begin_and_go_on_as_their_tags_say() -> None:
    assert spans(["B-PERS", "I-PERS", "O", "B-LOC", "B-LOC"]) == [(0, 1, "PERS"), (3, 3, "LOC"), (4, 4, "LOC")]


def test_a_span_that_goes_on_after_nothing_or_after_another_type_begins() -> None:
    assert spans(["I-ORG", "I-ORG", "I-LOC", "O", "I-LOC"]) == [(0, 1, "ORG"), (2, 2, "LOC"), (4, 4, "LOC")]


def test_tokens_make_the_text_a_reader_expects() -> None:
    sentence = 'Т . Шевченко ( 1814 - 1861 ) писав : « Кобзар » , " Сон " та інше …'
    tokens = sentence.split()
    text, places = detokenize(tokens)
    assert text == 'Т. Шевченко (1814 - 1861) писав: «Кобзар», "Сон" та інше…'
    assert [text[start:end] for start, end in places] == tokens


def test_a_document_knows_where_its_entities_are() -> None:
    heading = Tagged(("Новини", "Києва"), ("O", "B-LOC"))
    sentence = Tagged(("Приїхав", "М", ".", "Коваль", "."), ("O", "B-PERS", "I-PERS", "I-PERS", "O"))
    document = gold_document([heading, sentence, sentence])
    assert document.text == "Новини Києва\n\nПриїхав М. Коваль. Приїхав М. Коваль."
    assert [(document.text[s.start : s.end], s.type) for s in document.entities] == [
        ("Києва", "LOC"),
        ("М. Коваль", "PERS"),
        ("М. Коваль", "PERS"),
    ]
    assert document.entities[0] == Span(7, 12, "LOC")
    assert [len(tokens) for tokens in document.tokens] == [2, 5, 5]


def test_any_number_of_blank_lines_ends_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "x.iob"
    path.write_text(("Київ B-LOC\n. O\n" + "\n" * 5) * RUN + "Львів B-LOC\n\n\n. O")
    first, second = read_iob(path)
    assert len(first.entities) == RUN
    assert second.text == "Львів\n\n."


def test_one_document_of_ten_is_set_aside() -> None:
    assert sum(map(is_dev, range(10 * DEV_EVERY))) == 10


def test_words_cut_otherwise_bear_the_tags_of_the_entities_they_touch() -> None:
    text = "ТОВ «Зоря» дало 5 грн."
    entities = [Span(0, 10, "ORG"), Span(16, 22, "MON")]
    places = [(0, 3), (4, 5), (5, 9), (9, 10), (11, 15), (16, 17), (18, 21), (21, 22)]
    assert [text[start:end] for start, end in places] == ["ТОВ", "«", "Зоря", "»", "дало", "5", "грн", "."]
    assert tags(places, entities) == ["B-ORG", "I-ORG", "I-ORG", "I-ORG", "O", "B-MON", "I-MON", "I-MON"]
    assert spans(tags(places, entities)) == [(0, 3, "ORG"), (5, 7, "MON")]
