"""Sentiment and topics of labelled texts."""

from pathlib import Path

from pipeline.artifact import ParsedSentence, Polarity, Sentiment, Tone, Topic, Topics
from pipeline.models.evaluate import labelled
from pipeline.models.evaluate.reading import Reader
from pipeline.models.train.labelled import Text, is_held_back
from pipeline.stages import Subject
from tests.texts import document, parse_of, words

HELD_BACK = next(f"d{number}" for number in range(100) if is_held_back(f"d{number}"))
TRAINED_ON = next(f"d{number}" for number in range(100) if not is_held_back(f"d{number}"))


def subject(*sentences: tuple[int, Polarity]) -> Subject:
    """Sentences of so many characters, and what each was said to be."""
    word = words(("так", "так", "PART", "", 0, "root"))
    parse = parse_of(*(word for _ in sentences))
    parse = type(parse)(tuple(ParsedSentence(0, length, word) for length, _ in sentences))
    tones = tuple(Tone(label, 0.0) for _, label in sentences)
    return Subject(document("так"), {"parse": parse, "sentiment": Sentiment(Tone("neutral", 0.0), tones)})


def test_a_text_bears_the_label_of_most_of_its_characters() -> None:
    assert labelled.polarity_of(subject((10, "positive"))) == "positive"
    assert labelled.polarity_of(subject((30, "negative"), (20, "positive"), (20, "positive"))) == "positive"
    assert labelled.polarity_of(subject()) == "neutral"


def test_the_levels_of_topics_are_compared_apart() -> None:
    topics = (Topic("medtop:16000000", "conflict", 0.9), Topic("medtop:20000080", "prisoners of war", 0.8))
    told = Subject(document("так"), {"topics": Topics(topics)})
    assert labelled.topics_of(told) == {"medtop:16000000"}
    assert labelled.second_level_of(told) == {"medtop:20000080"}


def test_passages_have_our_own_labels_of_the_second_level() -> None:
    passages = [Text("a", ("medtop:16000000",), "Так.", "T0000"), Text("b", ("medtop:11000000",), "Ні.", "nobody's")]
    (second,) = labelled.second_level(passages)
    assert second.text == "Так."
    assert second.labels and not any(label.endswith("000000") for label in second.labels)


def test_only_texts_of_documents_that_were_held_back_are_scored(tmp_path: Path) -> None:
    path = tmp_path / "train.tsv"
    path.write_text(f"id\tsource\tlabel\ttext\n1\t{HELD_BACK}\tneutral\tТак.\n2\t{TRAINED_ON}\tpositive\tНі.\n")
    assert labelled.held_back(path, "label") == [Text(HELD_BACK, ("neutral",), "Так.", "1")]


def test_sentiment_goes_through_the_stages_and_is_counted_by_document(reader: Reader) -> None:
    texts = [
        Text("a", ("positive",), "Дякую всім, хто нам допомагає, це чудова новина, ми перемогли!"),
        Text("a", ("negative",), "Жахливий злочин, загинули люди, вбито дітей."),
        Text("b", ("positive",), "Жахливий злочин, загинули люди, вбито дітей."),
    ]
    tally = labelled.score_sentiment(reader, texts)
    assert len(tally.cells) == 2
    rows = {row.label: (row.gold, row.said, row.right) for row in tally.each()}
    assert rows == {"negative": (1, 2, 1), "neutral": (0, 0, 0), "positive": (2, 1, 1)}


def test_topics_go_through_the_stages(reader: Reader) -> None:
    match = (
        "Київське «Динамо» виграло матч чемпіонату з футболу. Тренер команди похвалив гравців, "
        "нападник забив два голи у ворота суперника. Збірна готується до кубка, спортсмени тренуються на стадіоні."
    )
    tally = labelled.score_topics(reader, [Text("a", ("medtop:15000000", "medtop:07000000"), match)])
    rows = {row.label: row for row in tally.each()}
    assert (rows["medtop:15000000"].gold, rows["medtop:15000000"].right) == (1, 1)
    assert rows["medtop:07000000"].gold == 1
