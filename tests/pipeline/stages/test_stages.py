"""The stages on the shipped models and real text."""

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import conllu
from pipeline.artifact import Entities, Parse, Sentiment, Topics
from pipeline.models.bundle import Bundle
from pipeline.models.cutting import MAX_SENTENCE_WORDS
from pipeline.models.neural import NeuralModels
from pipeline.stages import Subject, open_stage
from pipeline.stages.entities import EntitiesStage
from pipeline.stages.parse import ParseStage
from pipeline.stages.sentiment import SentimentStage
from pipeline.stages.topics import TopicsStage, passages
from pipeline.transcript import Segment, segment_at
from tests.conftest import EXAMPLE
from tests.texts import document

SENTENCES = EXAMPLE.read_text().replace("\n\n", " ").split(". ")
NOISE = [
    "\u0301",
    "\u00a0",
    "\r\n",
    "\n\n",
    "\u00ad",
    "\u200b",
    " 🇺🇦 ",
    "👩‍👩‍👧",
    "\t",
    "  ",
    "…",
    "«",
    "\u2028",
    "и\u0306",
]


def parsed(stage: ParseStage, *texts: str) -> list[Subject]:
    subjects = [Subject(document(text), {}) for text in texts]
    return [
        Subject(subject.document, {"parse": content})
        for subject, content in zip(subjects, stage.run(subjects), strict=True)
    ]


@st.composite
def dirty_text(draw: st.DrawFn) -> str:
    """Real sentences with noise between any two characters."""
    text = ". ".join(draw(st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=3)))
    for _ in range(draw(st.integers(0, 8))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.sampled_from(NOISE)) + text[at:]
    return text


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=dirty_text())
def test_offsets_are_of_the_text_whatever_it_contains(
    parse_stage: ParseStage, entities_stage: EntitiesStage, text: str
) -> None:
    (subject,) = parsed(parse_stage, text)
    before = 0
    for sentence in subject.parse.sentences:
        assert before <= sentence.start < sentence.end <= len(text)
        before = sentence.end
        place = sentence.start
        for word in sentence.words:
            assert place <= word.start < word.end <= sentence.end
            assert text[word.start : word.end].strip()
            place = word.start
    (entities,) = entities_stage.run([subject])
    assert isinstance(entities, Entities)
    for entity in entities.entities:
        assert entity.name.strip()
        for mention in entity.mentions:
            assert text[mention.start : mention.end] == mention.text
            holder = subject.parse.sentences[mention.sentence]
            assert holder.start <= mention.start < mention.end <= holder.end
    assert_valid(conllu.render(subject.document, subject.parse))


def assert_valid(rendered: str) -> None:
    """The rules of the CoNLL-U format that concern its form."""
    assert rendered.endswith("\n\n")
    for block in rendered.strip("\n").split("\n\n"):
        lines = block.split("\n")
        comments = [line for line in lines if line.startswith("#")]
        rows = [line.split("\t") for line in lines if not line.startswith("#")]
        assert [row[0] for row in rows] == [str(number) for number in range(1, len(rows) + 1)]
        assert sum(row[6] == "0" for row in rows) == 1
        for row in rows:
            assert len(row) == 10
            assert all(column and column == column.strip() for column in row)
            assert (row[6] == "0") == (row[7] == "root")
            assert 0 <= int(row[6]) <= len(rows) and row[6] != row[0]
            assert row[5] == "_" or row[5].split("|") == sorted(row[5].split("|"), key=str.lower)
        text = next(line.removeprefix("# text = ") for line in comments if line.startswith("# text = "))
        assert text == "".join(row[1] + ("" if "SpaceAfter=No" in row[9] else " ") for row in rows).strip()


def test_the_example_is_parsed_into_trees(parse_stage: ParseStage) -> None:
    (subject,) = parsed(parse_stage, EXAMPLE.read_text())
    parse = subject.parse
    assert 28 <= len(parse.sentences) <= 40
    assert 420 <= parse.token_count <= 460
    assert_valid(conllu.render(subject.document, parse))
    first = parse.sentences[0]
    assert [word.lemma for word in first.words][-4:] == ["повідомити", "президент", "Зеленський", "."]


def test_a_batch_says_the_same_as_its_documents_one_by_one(parse_stage: ParseStage) -> None:
    texts = [SENTENCES[3] + ".", "Слава Україні!", SENTENCES[8] + "."]
    together = [subject.parse for subject in parsed(parse_stage, *texts)]
    apart = [parsed(parse_stage, text)[0].parse for text in texts]
    assert together == apart


def test_speech_without_full_stops_is_cut_into_bounded_sentences(parse_stage: ParseStage) -> None:
    text = ", ".join(["і тоді ми поїхали до Києва на зустріч з партнерами"] * 80)
    (subject,) = parsed(parse_stage, text)
    assert max(len(sentence.words) for sentence in subject.parse.sentences) <= MAX_SENTENCE_WORDS
    assert subject.parse.sentences[0].start == 0
    assert subject.parse.sentences[-1].end == len(text)


def test_the_example_names_its_people_and_places(parse_stage: ParseStage, entities_stage: EntitiesStage) -> None:
    (subject,) = parsed(parse_stage, EXAMPLE.read_text())
    (content,) = entities_stage.run([subject])
    assert isinstance(content, Entities)
    found = {entity.name: entity for entity in content.entities}
    assert found["Рустем Умєров"].type == "PERS"
    assert len(found["Рустем Умєров"].mentions) == 2
    assert {mention.text for mention in found["Туреччина"].mentions} == {"Туреччині", "Туреччини", "Туреччиною"}
    assert found["Україна"].type == "LOC"


@pytest.fixture(scope="module")
def sentiment(models: NeuralModels) -> SentimentStage:
    return SentimentStage(models)


def test_joy_is_positive_and_death_is_negative(parse_stage: ParseStage, sentiment: SentimentStage) -> None:
    good, bad = sentiment.run(
        parsed(
            parse_stage,
            "Дякую всім, хто нам допомагає. Це чудова новина для України, ми перемогли!",
            "Російські окупанти вбили дітей. Жахливий злочин, загинули люди, зруйновано лікарню.",
        )
    )
    assert isinstance(good, Sentiment) and isinstance(bad, Sentiment)
    assert good.document.label == "positive" and good.document.score > 0.1
    assert bad.document.label == "negative" and bad.document.score < -0.1
    assert all(-1 <= tone.score <= 1 for tone in (*good.sentences, *bad.sentences))


def test_the_document_is_the_mean_of_its_sentences_by_length(
    parse_stage: ParseStage, sentiment: SentimentStage
) -> None:
    (subject,) = parsed(parse_stage, EXAMPLE.read_text())
    (content,) = sentiment.run([subject])
    assert isinstance(content, Sentiment)
    lengths = [sentence.end - sentence.start for sentence in subject.parse.sentences]
    weighted = sum(tone.score * length for tone, length in zip(content.sentences, lengths, strict=True))
    assert content.document.score == pytest.approx(weighted / sum(lengths), abs=1e-3)


def test_a_war_and_a_match_have_their_topics(parse_stage: ParseStage, models: NeuralModels) -> None:
    stage = TopicsStage(models)
    war, match = stage.run(
        parsed(
            parse_stage,
            "Російські війська обстріляли Харків ракетами. Збройні Сили України відбили штурм на фронті. "
            "Наші воїни захищають позиції, ворог втратив танки та артилерію. Триває війна та оборона міста.",
            "Київське «Динамо» виграло матч чемпіонату з футболу. Тренер команди похвалив гравців, "
            "нападник забив два голи у ворота суперника. Збірна готується до кубка, спортсмени тренуються на стадіоні.",
        )
    )
    assert isinstance(war, Topics) and isinstance(match, Topics)
    assert war.topics[0].id == "medtop:16000000"
    assert match.topics[0].id == "medtop:15000000"
    confidences = [topic.confidence for topic in war.topics if topic.id.endswith("000000")]
    assert confidences == sorted(confidences, reverse=True)
    # Of the second level what is certain, after the first.
    assert "medtop:20000056" in [topic.id for topic in war.topics][len(confidences) :]
    assert all(0 <= topic.confidence <= 1 for topic in war.topics)


def test_passages_hold_every_word_once(parse_stage: ParseStage) -> None:
    (subject,) = parsed(parse_stage, EXAMPLE.read_text())
    cut = list(passages(subject.parse))
    assert len(cut) > 3
    assert [sentence for passage in cut for sentence in passage] == list(subject.parse.sentences)


def test_every_stage_opens_and_bears_odd_documents(
    bundle: Bundle, models: NeuralModels, parse_stage: ParseStage
) -> None:
    subjects = parsed(parse_stage, "Так", "!!!", "🇺🇦 Слава!", "А" * 3000, "1 2 3 4 5")
    for name in ("parse", "entities", "sentiment", "topics"):
        contents = open_stage(name, bundle, models).run(subjects)
        assert len(contents) == len(subjects)
    assert all(isinstance(subject.said["parse"], Parse) for subject in subjects)


def test_no_sentence_runs_from_one_speaker_to_the_next(parse_stage: ParseStage) -> None:
    first, second = "Добрий день, пане міністре", "вітаю всіх, хто нас слухає"
    text = f"{first} {second}"
    turns = (
        Segment(0, len(first), "Ведуча", 0.0, 2.5),
        Segment(len(first) + 1, len(text), "Міністр", 2.5, 5.0),
    )
    spoken = msgspec.structs.replace(document(text), segments=turns)
    (content,) = parse_stage.run([Subject(spoken, {})])
    assert isinstance(content, Parse)
    assert [text[s.start : s.end] for s in content.sentences] == [first, second]
    assert [segment_at(turns, s.start) for s in content.sentences] == [0, 1]
