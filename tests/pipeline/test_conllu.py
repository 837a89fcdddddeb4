from pipeline import conllu
from pipeline.artifact import MultiWord, Parse, ParsedSentence, Word
from tests.texts import document


def rows(text: str) -> list[list[str]]:
    return [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]


def test_text_and_forms_agree_and_offsets_are_of_the_document() -> None:
    text = "Так,\u00a0 за\u0301мок.\n"
    sentence = ParsedSentence(
        0,
        13,
        (
            Word("Так", "так", "ADV", "", "", 3, "advmod", 0, 3),
            Word(",", ",", "PUNCT", "", "", 1, "punct", 3, 4),
            Word("замок", "замок", "NOUN", "", "Case=Nom", 0, "root", 6, 12),
            Word(".", ".", "PUNCT", "", "", 3, "punct", 12, 13),
        ),
    )
    rendered = conllu.render(document(text), Parse((sentence,)))
    assert "# text = Так, за\u0301мок.\n" in rendered
    assert "# sent_id = 0123456789abcdef-01234567-1\n" in rendered
    table = rows(rendered)
    assert [row[1] for row in table] == ["Так", ",", "за\u0301мок", "."]
    assert [row[9] for row in table] == [
        "SpaceAfter=No|start_char=0|end_char=3",
        "start_char=3|end_char=4",
        "SpaceAfter=No|start_char=6|end_char=12",
        "start_char=12|end_char=13",
    ]
    assert all(len(row) == 10 for row in table)
    assert rendered.endswith("\n\n")


def test_a_multi_word_token_has_a_range_line() -> None:
    words = (Word("да", "да", "X", "", "", 0, "root", 0, 4), Word("ли", "ли", "X", "", "", 1, "dep", 0, 4))
    sentence = ParsedSentence(0, 4, words, (MultiWord(1, 2, "дали", 0, 4),))
    table = rows(conllu.render(document("дали"), Parse((sentence,))))
    assert [row[0] for row in table] == ["1-2", "1", "2"]
    assert [row[1] for row in table] == ["дали", "да", "ли"]
    assert Parse((sentence,)).token_count == 1


def test_white_space_inside_a_token_stays_within_its_column() -> None:
    sentence = ParsedSentence(0, 6, (Word("10 000", "10 000", "NUM", "", "", 0, "root", 0, 6),))
    assert rows(conllu.render(document("10\t000"), Parse((sentence,))))[0][1] == "10 000"
