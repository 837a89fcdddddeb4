"""What is in the documents?"""

from __future__ import annotations

from services.metrics.forms import Section

_section = Section(
    "What is in the documents?",
    "Counted when a record is written, kept in the broker, exported by the exporter. In the replay lane a document "
    'counts again each time it is made again, so panels about the news ask for `lane="live"`. Entities are a gauge of '
    "the few busiest, not a counter for each: whoever is talked about changes by the day, so counters would grow "
    "without end, while of these there are at most EFIR_METRICS_ENTITIES at any moment, and a name stays while it is "
    "busy. Only people, organisations and places are named, and nobody whom fewer than three records name. What a "
    "document that is taken down has added is gone within the hour, and from Prometheus when its retention ends. "
    "0 turns it off.",
)
documents = _section.tally("efir_content_documents", "Records written, by language.", ["language", "lane"])
sources = _section.tally("efir_source_records", "Records written, by source.", ["source", "lane"])
topics = _section.tally(
    "efir_content_topic_documents",
    "Records that have a topic, one of the 17 at the top of IPTC's Media Topics; a record may have several.",
    ["topic", "lane"],
)
sentiment = _section.tally(
    "efir_content_sentiment_documents",
    "Records by sentiment (negative, neutral, positive) and their best topic.",
    ["topic", "sentiment", "lane"],
)
score = _section.tally(
    "efir_content_sentiment_score",
    "Sum of the records' scores without their sign, by sign: a counter cannot go down. The mean score is "
    "(positive - negative) / efir_content_sentiment_documents_total.",
    ["topic", "sign", "lane"],
)
entities = _section.reading(
    "efir_content_entity_documents",
    "Live records of the last hour that name an entity; the EFIR_METRICS_ENTITIES busiest, each in at least three.",
    ["type", "entity"],
)
