"""No text is too odd for the stages: none is lost, and what they take is bounded. 1 MB: `make bench-robustness`."""

import pytest

from pipeline import graph
from pipeline.artifact import Entities, Sentiment, Topics
from pipeline.models.bundle import Bundle
from pipeline.models.cutting import MAX_SENTENCE_WORDS
from pipeline.models.neural import NeuralModels
from pipeline.plain import PlainText
from pipeline.stages import Stage, Subject, bounded, open_stage
from tests.pipeline.stages.hard_texts import TEXTS
from tests.texts import document

# Characters of each text: several of the longest sentences, a few windows.
LENGTH = 1_800


@pytest.fixture(scope="module")
def stages(bundle: Bundle, models: NeuralModels) -> dict[str, Stage]:
    return {name: open_stage(name, bundle, models) for name in graph.STAGES}


def read(stages: dict[str, Stage], *texts: str) -> list[Subject]:
    subjects = [Subject(document(text), {}) for text in texts]
    for name, stage in stages.items():
        contents = stage.run(subjects)
        subjects = [Subject(s.document, {**s.said, name: said}) for s, said in zip(subjects, contents, strict=True)]
    return subjects


def assert_nothing_is_lost(subject: Subject) -> None:
    """Every character that is seen belongs to a word, words are in order, and each sentence has its sentiment."""
    text, at = subject.document.text, 0
    for sentence in subject.parse.sentences:
        assert 0 < len(sentence.words) <= MAX_SENTENCE_WORDS
        inside = {place for each in sentence.multiwords for place in range(each.first, each.last + 1)}
        for number, word in enumerate(sentence.words, 1):
            assert word.start >= at or number in inside
            assert not seen(text[at : word.start])
            at = max(at, word.end)
    assert not seen(text[at:])
    sentiment, topics, entities = (subject.said[name] for name in ("sentiment", "topics", "entities"))
    assert isinstance(sentiment, Sentiment) and isinstance(topics, Topics) and isinstance(entities, Entities)
    assert len(sentiment.sentences) == len(subject.parse.sentences)
    assert topics.topics
    for mention in (mention for entity in entities.entities for mention in entity.mentions):
        assert mention.text == text[mention.start : mention.end]


def seen(text: str) -> str:
    """What a reader sees of a text: no spaces, no zero-width characters."""
    return "".join(PlainText(text).text.split())


@pytest.mark.parametrize("name", TEXTS)
def test_nothing_of_an_odd_text_is_lost(stages: dict[str, Stage], name: str) -> None:
    (subject,) = read(stages, TEXTS[name](LENGTH))
    assert_nothing_is_lost(subject)


def test_odd_texts_say_the_same_in_company(stages: dict[str, Stage]) -> None:
    texts = [TEXTS[name](200) for name in ("speech without punctuation", "emoji", "a table", "one word")]
    for together, text in zip(read(stages, *texts), texts, strict=True):
        (alone,) = read(stages, text)
        assert together.parse == alone.parse
        assert_nothing_is_lost(together)


def test_a_text_longer_than_a_window_is_read_window_by_window(
    stages: dict[str, Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = TEXTS["a mixture"](LENGTH)
    monkeypatch.setattr(bounded, "MOST_CHARS", 400)
    assert len(list(bounded.runs([text]))) >= 5
    (subject,) = read(stages, text)
    assert_nothing_is_lost(subject)


def test_windows_change_nothing_where_paragraphs_end(stages: dict[str, Stage], monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\n\n".join(["Президент прибув до Варшави. Зустріч відбулася у вівторок.", "Ми поїхали до Києва."] * 4)
    whole = stages["parse"].run([Subject(document(text), {})])
    monkeypatch.setattr(bounded, "MOST_CHARS", 120)
    assert len(list(bounded.runs([text]))) >= 3
    assert stages["parse"].run([Subject(document(text), {})]) == whole
