"""Tags, lemmas and trees by the shipped encoder, whatever comes."""

import pytest

from pipeline.artifact import Parse, ParsedSentence
from pipeline.models.neural import NeuralModels
from pipeline.stages import Subject
from pipeline.stages.parse import ParseStage
from tests.texts import document

PARLIAMENT = (
    "Шановні колеги, прошу підготуватися до реєстрації. Ставлю на голосування законопроект номер 4346-1 за основу. "
    "Рішення прийнято, 244 голоси, за результатами науково-експертного висновку. Дякую, колеги."
)
FICTION = (
    "Вітер гойдав верби над ставом, і старий рибалка мовчки дивився на воду. Онука принесла йому яблуко, "
    "вкусила сама й засміялася. Науково-фантастичну книжку вона забула на лавці."
)


def sentences(stage: ParseStage, text: str) -> tuple[ParsedSentence, ...]:
    (content,) = stage.run([Subject(document(text), {})])
    assert isinstance(content, Parse)
    return content.sentences


def is_tree(sentence: ParsedSentence) -> bool:
    heads = [0, *(word.head for word in sentence.words)]
    for at in range(1, len(heads)):
        seen = set()
        while at and at not in seen:
            seen.add(at)
            at = heads[at]  # noqa: PLW2901 (walks up)
        if at:
            return False
    return heads[1:].count(0) == 1


@pytest.mark.parametrize("text", [PARLIAMENT, FICTION, "СЛАВА УКРАЇНІ", "так", "😀 😀", "а" * 5000, "раз " * 900])
def test_every_sentence_is_a_tree_with_one_root(parse_stage: ParseStage, text: str) -> None:
    for sentence in sentences(parse_stage, text):
        assert is_tree(sentence)
        assert all((word.deprel == "root") == (word.head == 0) for word in sentence.words)
        assert all(word.lemma and word.upos for word in sentence.words)


def test_a_document_is_told_by_one_convention(parse_stage: ParseStage) -> None:
    """In parliament's treebank compounds are whole, in the other they are cut."""
    said = [word.form for sentence in sentences(parse_stage, PARLIAMENT) for word in sentence.words]
    assert "науково-експертного" in said and "4346-1" in said
    told = [word.form for sentence in sentences(parse_stage, FICTION) for word in sentence.words]
    assert "фантастичну" in told


def test_what_is_said_does_not_depend_on_the_company(parse_stage: ParseStage) -> None:
    texts = [PARLIAMENT, FICTION, "Так."]
    together = parse_stage.run([Subject(document(text), {}) for text in texts])
    alone = [parse_stage.run([Subject(document(text), {})])[0] for text in texts]
    told = [
        [
            (word.form, word.upos, word.feats, word.lemma, word.head, word.deprel)
            for content in run
            if isinstance(content, Parse)
            for sentence in content.sentences
            for word in sentence.words
        ]
        for run in (together, alone)
    ]
    same = sum(one == other for one, other in zip(*told, strict=True))
    # Padding rounds differently in bfloat16, which decides only between what is equally likely.
    assert same >= len(told[0]) - 1


def test_words_are_known_by_their_forms(parse_stage: ParseStage) -> None:
    (sentence,) = sentences(parse_stage, "Українські воїни захищають Харків.")
    assert [word.lemma for word in sentence.words] == ["український", "воїн", "захищати", "Харків", "."]
    assert [word.upos for word in sentence.words] == ["ADJ", "NOUN", "VERB", "PROPN", "PUNCT"]
    assert sentence.words[1].feats.startswith("Animacy=Anim|Case=Nom")
    assert [(word.head, word.deprel) for word in sentence.words] == [
        (2, "amod"), (3, "nsubj"), (0, "root"), (3, "obj"), (3, "punct"),
    ]  # fmt: skip


def test_no_document_and_an_empty_one_are_borne(models: NeuralModels, parse_stage: ParseStage) -> None:
    assert parse_stage.run([]) == []
    assert sentences(parse_stage, " \n ") == ()
