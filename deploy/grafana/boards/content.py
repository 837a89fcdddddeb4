"""What the documents are about: languages, topics, sources, sentiment, and who is named most."""

from __future__ import annotations

from deploy.grafana.boards import parts
from deploy.grafana.boards.common import CAMPAIGNS, DEPLOYS, LANE
from deploy.grafana.boards.parts import NEUTRAL, Query, Shape, bars, figure, lines, rows
from deploy.grafana.boards.queries import grown, tallied

_LANE = 'lane=~"$lane"'
_NEGATIVE = f'sentiment="negative", {_LANE}'
_SCORES = "efir_content_sentiment_score_total"
_SENTIMENTS = "efir_content_sentiment_documents_total"
# Wide, as an hour is the least that tells something about the news.
_WIDE = Shape(12, 9)
_THIRD = Shape(8, 9)
_TALL = Shape(8, 12)


def _hourly(counter: str, by: str, matchers: str) -> str:
    return f"sum by ({by}) (max without (instance, pod) (increase({counter}{{{matchers}}}[1h])))"


def _mean_score(by: str) -> str:
    """(positive - negative) / documents, over an hour. Where one sign never came there is no counter: 0."""
    signs = {sign: _hourly(_SCORES, by, f'sign="{sign}", {_LANE}') for sign in ("positive", "negative")}
    documents = _hourly(_SENTIMENTS, by, _LANE)
    positive = f"({signs['positive']} or 0 * {documents})"
    negative = f"({signs['negative']} or 0 * {documents})"
    return f"({positive} - {negative}) / ({documents} > 0)"


_NOW = [
    figure(
        "Records (1 h)",
        "Records written within the last hour.",
        Query(grown("efir_content_documents_total", "", _LANE)),
        "short",
    ),
    figure(
        "Languages (1 h)",
        "Languages with a record within the last hour.",
        Query(f"count({grown('efir_content_documents_total', 'language', _LANE)} > 0)"),
        "short",
    ),
    figure(
        "Sources (1 h)",
        "Sources with a record within the last hour; at most EFIR_METRICS_SOURCES are told apart.",
        Query(f"count({grown('efir_source_records_total', 'source', _LANE)} > 0)"),
        "short",
    ),
    figure(
        "Mean sentiment (1 h)",
        "Mean score of the records of the last hour, from -1 to 1.",
        Query(_mean_score("")),
        "none",
        steps=NEUTRAL,
    ),
    figure(
        "Negative (1 h)",
        "Share of the records of the last hour whose sentiment is negative.",
        Query(f"({grown(_SENTIMENTS, '', _NEGATIVE)} or vector(0)) / ({grown(_SENTIMENTS, '', _LANE)} > 0)"),
        "percentunit",
    ),
    figure(
        "Topics of a record (1 h)",
        "How many of the 17 topics a record has, on the average.",
        Query(
            f"{grown('efir_content_topic_documents_total', '', _LANE)} "
            f"/ ({grown('efir_content_documents_total', '', _LANE)} > 0)"
        ),
        "none",
    ),
]

_WHAT = [
    lines(
        "Records by topic",
        "Records per second that have a topic; a record may have several.",
        Query(tallied("efir_content_topic_documents_total", "topic", _LANE), "{{topic}}"),
        unit="suffix: docs/s",
        shape=_WIDE,
        stacked=True,
    ),
    lines(
        "Records by source",
        "Records per second of the busiest sources.",
        Query(f"topk(10, {tallied('efir_source_records_total', 'source', _LANE)})", "{{source}}"),
        unit="suffix: docs/s",
        shape=_WIDE,
        stacked=True,
    ),
    lines(
        "Records by language",
        "Records per second.",
        Query(tallied("efir_content_documents_total", "language", _LANE), "{{language}}"),
        unit="suffix: docs/s",
        shape=_THIRD,
        stacked=True,
    ),
    lines(
        "Records by sentiment",
        "Records per second.",
        Query(tallied(_SENTIMENTS, "sentiment", _LANE), "{{sentiment}}"),
        unit="suffix: docs/s",
        shape=_THIRD,
        stacked=True,
    ),
    lines(
        "Mean sentiment",
        "Mean score of the records of the hour before, from -1 to 1.",
        Query(_mean_score(""), "mean"),
        unit="none",
        shape=_THIRD,
        signed=True,
    ),
]

_WHO = [
    bars(
        f"Busiest {plural} (1 h)",
        f"Live records of the last hour that name a {single}. Whoever is in less than three is not counted.",
        Query(f'topk(12, max by (entity) (efir_content_entity_documents{{type="{kind}"}}))', "{{entity}}"),
        "short",
        shape=_TALL,
    )
    for kind, plural, single in (
        ("PERS", "people", "person"),
        ("ORG", "organisations", "organisation"),
        ("LOC", "places", "place"),
    )
] + [
    bars(
        "Topics (1 h)",
        "Records of the last hour that have a topic.",
        Query(grown("efir_content_topic_documents_total", "topic", _LANE), "{{topic}}"),
        "short",
        shape=Shape(12, 12),
    ),
    rows(
        "Sentiment by topic (1 h)",
        "Mean score of the records of the last hour, by their best topic, from -1 to 1.",
        Query(_mean_score("topic")),
        "none",
        {"topic": "Topic", "Value": "Mean score"},
        shape=Shape(12, 12),
    ),
]


def board(_runbooks: str) -> parts.Board:
    return parts.board(
        "content",
        "Content",
        "What the documents are about. In the replay lane a document counts again each time it is made again.",
        [LANE],
        [DEPLOYS, CAMPAIGNS],
        {"Now": _NOW, "Over time": _WHAT, "Who and what": _WHO},
        span="now-24h",
    )
