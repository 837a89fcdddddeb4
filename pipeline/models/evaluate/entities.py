"""Entities against an IOB file, as exact spans: the same first and last character and the same type.

Two ways: from raw text, through parse and entities, where a token cut differently costs the entities at its edges; and
with the file's own sentences and tokens, which is how taggers are usually compared. In both it is the mentions of a
record that are scored, after all that the stage does to what its tagger finds. The unit that the bootstrap draws is
the document.

`without_edges` tells how much of what is missed from raw text is a full stop or a quotation mark at the edge of a name
(«10 млн грн» or «10 млн грн.»): it compares spans without the punctuation at their ends.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from pipeline.artifact import Entities, Parse, ParsedSentence, Word
from pipeline.models.evaluate.counts import Tally
from pipeline.models.evaluate.iob import GoldDocument, Span
from pipeline.models.evaluate.reading import Reader, document
from pipeline.stages import Subject

# Documents tagged at a time when the words are given.
_BATCH = 10


Pair = tuple[Sequence[Span], Sequence[Span]]  # gold and found, of one document


def pairs(reader: Reader, documents: Sequence[GoldDocument], *, given_tokens: bool = False) -> list[Pair]:
    """What is in each document and what was found, from raw text or with the tokens of `documents` given."""
    read = read_given_tokens(reader, documents) if given_tokens else read_texts(reader, documents)
    return [(gold.entities, found) for gold, found in zip(documents, read, strict=True)]


def tally(documents: Sequence[Pair]) -> Tally:
    """Counts of every type."""
    sets = [(set(gold), set(found)) for gold, found in documents]
    types = sorted({span.type for pair in sets for spans in pair for span in spans})
    return Tally.of_sets(
        types,
        (
            ([span.type for span in gold], [span.type for span in found], [span.type for span in gold & found])
            for gold, found in sets
        ),
    )


def without_edges(text: str, spans: Sequence[Span]) -> list[Span]:
    """The spans without punctuation at their ends; a percent sign or a currency's is no punctuation."""
    result = []
    for start, end, kind in spans:
        inner = [
            at for at in range(start, end) if not unicodedata.category(text[at]).startswith("P") or text[at] == "%"
        ]
        result.append(Span(inner[0], inner[-1] + 1, kind) if inner else Span(start, end, kind))
    return result


def read_texts(reader: Reader, documents: Sequence[GoldDocument]) -> Iterator[list[Span]]:
    for subject in reader.read((each.text for each in documents), "entities"):
        yield mentions(subject.said["entities"])


def read_given_tokens(reader: Reader, documents: Sequence[GoldDocument]) -> Iterator[list[Span]]:
    stage = reader.stage("entities")
    for at in range(0, len(documents), _BATCH):
        batch = [
            Subject(document(each.text, reader.bundle.language), {"parse": given(each)})
            for each in documents[at : at + _BATCH]
        ]
        yield from (mentions(content) for content in stage.run(batch))


def mentions(content: object) -> list[Span]:
    """All mentions of all entities, in the order of the text."""
    assert isinstance(content, Entities)
    return sorted(
        Span(mention.start, mention.end, entity.type) for entity in content.entities for mention in entity.mentions
    )


def given(gold: GoldDocument) -> Parse:
    """The gold tokens as a parse that knows nothing but where they are."""
    return Parse(
        tuple(
            ParsedSentence(
                places[0][0],
                places[-1][1],
                tuple(
                    Word(gold.text[start:end], gold.text[start:end].lower(), "X", "", "", at, "dep", start, end)
                    for at, (start, end) in enumerate(places)
                ),
            )
            for places in gold.tokens
        )
    )
