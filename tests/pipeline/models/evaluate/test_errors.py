"""What is taken for what."""

import msgspec

from pipeline.models.bundle import SHIPPED, Bundle, Manifest, Training
from pipeline.models.evaluate import errors
from pipeline.models.evaluate.iob import Span, Tagged, gold_document
from tests.pipeline.models.evaluate.test_treebank import GOES, SLEEPS, TOGETHER


def test_a_treebank_that_was_learned_from_is_known() -> None:
    def manifest(treebank: str) -> Manifest:
        settings = {"treebanks": {"one": ["ud/uk_parlamint-ud-train.conllu", treebank]}}
        training = {"syntax.safetensors": Training(settings, {}, 1.0, "cpu", ()), "x": Training({}, {}, 0, "cpu", ())}
        return msgspec.structs.replace(Bundle(SHIPPED / "uk").manifest, training=training)

    assert errors.has_learned_from_it(manifest("ud/uk_parlamint-ud-dev.conllu"))
    assert not errors.has_learned_from_it(manifest("ud/uk_zoloto-train.conllu"))


def rows(table: errors.Table) -> list[tuple[str, str, int]]:
    return [(row.gold, row.said, row.times) for row in table.rows]


def test_words_are_compared_where_the_same_characters_are_one_word() -> None:
    gold = errors.words(f"{SLEEPS}\n\n{GOES}\n\n")
    said = errors.words(f"{TOGETHER}\n\n".replace("NOUN", "PROPN").replace("Case=Nom", "Case=Acc"))
    tags, features, relations, heads = errors.of_words(iter([errors.align(gold, said)]), 20, 1)
    assert (tags.all, tags.wrong, rows(tags)) == (7, 1, [("NOUN", "PROPN", 1)])
    assert tags.rows[0].contexts == ("[Кіт] спить . Він йде",)
    assert rows(features) == [("Case=Nom", "Case=Acc", 2)]
    assert rows(relations) == [("root", "parataxis", 1)]
    assert rows(heads) == [("root of the root", "of VERB", 1)]


def test_only_what_the_scores_compare_is_compared() -> None:
    gold = errors.words(SLEEPS.replace("Case=Nom", "Case=Nom|NameType=Sur").replace("nsubj", "nsubj:pass"))
    tables = errors.of_words(iter([errors.align(gold, errors.words(SLEEPS))]), 20, 0)
    assert [table.wrong for table in tables] == [0, 0, 0, 0]


def test_the_most_frequent_come_first_and_no_more_than_asked_for() -> None:
    said = GOES.replace("ADV", "NOUN").replace("PRON", "DET")
    unit = errors.align(errors.words(GOES), errors.words(said))
    other = errors.align(errors.words(GOES), errors.words(GOES.replace("ADV", "NOUN")))
    tags = errors.of_words(iter([unit, other]), 1, 5)[0]
    assert tags.wrong == 3
    assert rows(tags) == [("ADV", "NOUN", 2)]
    assert len(tags.rows[0].contexts) == 2


def test_entities_are_missed_made_up_or_of_another_type_or_extent() -> None:
    gold = [Span(0, 4, "LOC"), Span(5, 9, "ORG"), Span(10, 19, "PERS"), Span(30, 34, "JOB")]
    said = [Span(0, 4, "LOC"), Span(5, 9, "PERS"), Span(12, 19, "PERS"), Span(40, 44, "MISC")]
    assert [(own, other) for own, other, _ in errors.taken(gold, said)] == [
        ("ORG", "PERS"),
        ("PERS", "PERS, other edges"),
        ("JOB", "-"),
        ("-", "MISC"),
    ]


def test_an_entity_is_paired_with_one_of_its_type_before_another() -> None:
    gold = [Span(0, 20, "ORG")]
    said = [Span(0, 12, "LOC"), Span(13, 20, "ORG")]
    assert [(own, other) for own, other, _ in errors.taken(gold, said)] == [("ORG", "ORG, other edges"), ("-", "LOC")]


def test_entities_are_counted_with_their_places() -> None:
    document = gold_document([Tagged(("Був", "у", "Києві", "."), ("O", "O", "B-LOC", "O"))])
    table = errors.of_entities([document], [(document.entities, [])], 20, 1)
    assert (table.all, table.wrong) == (1, 1)
    assert table.rows == (errors.Confusion("LOC", "-", 1, ("Був у [Києві].",)),)
