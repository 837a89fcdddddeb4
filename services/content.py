"""What the records of an installation say, counted: languages, sources, topics, sentiment, and who is named.

Few numbers, whatever is sent: languages are those of the installed bundles, topics the 17 at the top of IPTC's Media
Topics, sources and entities have bounded forms of their own (services/metrics/sources.py, busiest.py).
"""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.artifact import Record
from services import metrics
from services.broker import Lane
from services.metrics import busiest

# Dates, sums and the like are entities as well, and nobody's business.
_NAMED = {"PERS", "ORG", "LOC"}
_NO_TOPIC = "none"


def count(records: Iterable[Record], lane: Lane) -> None:
    for record in records:
        metrics.content.documents.labels(record.language, lane).inc()
        metrics.content.sources.labels(record.source, lane).inc()
        for topic in record.topics:
            if topic.is_top_level:
                metrics.content.topics.labels(topic.name, lane).inc()
        best = record.topics[0].name if record.topics else _NO_TOPIC
        tone = record.sentiment
        metrics.content.sentiment.labels(best, tone.label, lane).inc()
        metrics.content.score.labels(best, "negative" if tone.score < 0 else "positive", lane).inc(abs(tone.score))
        if lane is Lane.LIVE:
            busiest.note((entity.type, entity.name) for entity in record.entities if entity.type in _NAMED)
