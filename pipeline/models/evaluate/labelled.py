"""Sentiment and topics against labelled texts, over the documents that training held back.

Every labelled text is a document of its own and goes through the stages from raw text. What counts is what the stages
say, with the thresholds that they apply:

- sentiment: the label of the text's sentence. Where the parser sees several, the label that most of the text's
  characters bear. (The tone of a whole document is another thing: a mean that tends to neutral.)
- topics: all that the stage reports, the top level of IPTC Media Topics and the second each by itself.

The unit that the bootstrap draws is the document that a text was taken from.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from pipeline.artifact import Polarity, Sentiment, Topics
from pipeline.models.evaluate.counts import Counts, Tally
from pipeline.models.evaluate.reading import Reader
from pipeline.models.train.labelled import OWN, Text, is_held_back, read_second_level, read_table
from pipeline.stages import Subject

POLARITIES: tuple[Polarity, ...] = ("negative", "neutral", "positive")


def held_back(path: Path, column: str) -> list[Text]:
    """The texts of a labelled table whose documents were not trained on."""
    return [text for text in read_table(path, column) if is_held_back(text.source)]


def score_sentiment(reader: Reader, texts: Sequence[Text]) -> Tally:
    return _score(reader, "sentiment", texts, POLARITIES, lambda subject: {polarity_of(subject)})


def score_topics(reader: Reader, texts: Sequence[Text]) -> Tally:
    labels = sorted({label for text in texts for label in text.labels})
    return _score(reader, "topics", texts, labels, topics_of)


def second_level(texts: Sequence[Text]) -> list[Text]:
    """The same passages with their topics of the second level, as the project's own labels have them."""
    own = read_second_level(OWN / "uk-topics.tsv")
    return [text._replace(labels=own[text.id]) for text in texts if text.id in own]


def score_second_level(reader: Reader, texts: Sequence[Text]) -> Tally:
    """What the model never learned to tell counts as missed."""
    labels = sorted({label for text in texts for label in text.labels})
    return _score(reader, "topics", texts, labels, second_level_of)


def polarity_of(subject: Subject) -> Polarity:
    """The polarity that most of a text's characters bear; neutral for a text without words."""
    said = subject.said["sentiment"]
    assert isinstance(said, Sentiment)
    sizes: Counter[Polarity] = Counter()
    for sentence, tone in zip(subject.parse.sentences, said.sentences, strict=True):
        sizes[tone.label] += sentence.end - sentence.start
    return sizes.most_common(1)[0][0] if sizes else "neutral"


def topics_of(subject: Subject) -> set[str]:
    """The top-level topics that the stage reports."""
    said = subject.said["topics"]
    assert isinstance(said, Topics)
    return {topic.id for topic in said.topics if topic.is_top_level}


def second_level_of(subject: Subject) -> set[str]:
    said = subject.said["topics"]
    assert isinstance(said, Topics)
    return {topic.id for topic in said.topics if not topic.is_top_level}


def _score(
    reader: Reader,
    stage: str,
    texts: Sequence[Text],
    labels: Sequence[str],
    said_of: Callable[[Subject], set[str]] | Callable[[Subject], set[Polarity]],
) -> Tally:
    said = [set[str](said_of(subject)) for subject in reader.read((text.text for text in texts), stage)]
    known = [*labels, *sorted(set().union(*said) - set(labels))]
    tally = Tally.of_sets(
        known,
        ((text.labels, found, found & set(text.labels)) for text, found in zip(texts, said, strict=True)),
    )
    return Tally(known, by_source(tally.cells, texts))


def by_source(cells: Counts, texts: Sequence[Text]) -> Counts:
    """The counts of texts added up by the document that they were taken from."""
    rows: dict[str, list[int]] = defaultdict(list)
    for at, text in enumerate(texts):
        rows[text.source].append(at)
    return np.array([cells[at].sum(axis=0) for at in rows.values()], dtype=np.int64)
