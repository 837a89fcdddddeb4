"""Entities as exact spans, by hand and through the stage."""

from pipeline.models.evaluate import entities
from pipeline.models.evaluate.iob import Span, Tagged, gold_document
from pipeline.models.evaluate.reading import Reader

SENTENCE = Tagged(
    ("Президент", "Володимир", "Зеленський", "відвідав", "Київ", "."),
    ("B-JOB", "B-PERS", "I-PERS", "O", "B-LOC", "O"),
)


def test_a_span_is_right_when_both_ends_and_the_type_are() -> None:
    gold = [Span(0, 4, "LOC"), Span(5, 9, "ORG"), Span(10, 14, "PERS")]
    said = [Span(0, 4, "LOC"), Span(5, 8, "ORG"), Span(10, 14, "LOC"), Span(20, 24, "LOC")]
    rows = {row.label: (row.gold, row.said, row.right) for row in entities.tally([(gold, said)]).each()}
    assert rows == {"LOC": (1, 3, 1), "ORG": (1, 1, 0), "PERS": (1, 0, 0)}
    micro = entities.tally([(gold, said)]).micro()
    assert (micro.gold, micro.said, micro.right) == (3, 4, 1)


def test_documents_are_compared_each_with_its_own() -> None:
    pairs = [([Span(0, 4, "LOC")], []), ([], [Span(0, 4, "LOC")])]
    micro = entities.tally(pairs).micro()
    assert (micro.gold, micro.said, micro.right) == (1, 1, 0)


def test_punctuation_at_the_edges_can_be_left_aside() -> None:
    text = "коштує 10 % і «Кобзар» за 5 грн."
    spans = [Span(7, 11, "PCT"), Span(14, 22, "ART"), Span(26, 32, "MON")]
    assert [text[start:end] for start, end, _ in entities.without_edges(text, spans)] == ["10 %", "Кобзар", "5 грн"]


def test_the_stages_are_scored_from_raw_text_and_from_tokens(reader: Reader) -> None:
    gold = gold_document([SENTENCE, SENTENCE])
    for given_tokens in (False, True):
        ((own, said),) = entities.pairs(reader, [gold], given_tokens=given_tokens)
        assert own == gold.entities
        assert set(said) >= {Span(10, 30, "PERS"), Span(40, 44, "LOC")}
        micro = entities.tally([(own, said)]).micro()
        assert micro.gold == 6 and micro.right >= 4
