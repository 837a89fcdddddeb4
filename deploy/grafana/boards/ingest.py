"""What comes in: sources, feeds, formats; what is rejected and what was there already."""

from __future__ import annotations

from deploy.grafana.boards import parts
from deploy.grafana.boards.common import ANNOTATIONS, INSTANCE
from deploy.grafana.boards.parts import Query, bars, figure, lines, rising, rows
from deploy.grafana.boards.queries import RATE, grown, quantiles, rate, tallied

_HERE = 'instance=~"$instance"'
_ADMITTED = 'verdict="admitted"'
_NOT_NEW = 'verdict!="admitted"'
_KNOWN = 'verdict=~"known|.*duplicate"'
_ALL = "[$__range]"

_NOW = [
    figure(
        "Admitted",
        "New documents per second, through all doors.",
        Query(tallied("efir_admissions_total", matchers=_ADMITTED)),
        "suffix: docs/s",
    ),
    figure(
        "Last one",
        "Time since a new document was admitted.",
        Query("time() - max(efir_last_admission_timestamp_seconds)"),
        "s",
        none="never",
    ),
    figure(
        "Duplicates",
        "Share of what came that was there already: known, the same text, or nearly the same.",
        Query(
            f"({tallied('efir_admissions_total', matchers=_KNOWN)} or vector(0)) "
            f"/ ({tallied('efir_admissions_total')} > 0)"
        ),
        "percentunit",
        none="none",
    ),
    figure(
        "Rejected",
        "Inputs per second that may not enter.",
        Query(f"{tallied('efir_rejections_total')} or vector(0)"),
        "suffix: docs/s",
    ),
    figure(
        "Admission",
        "Closed while too much waits (EFIR_HIGH_WATER): the API answers 429, feeds are put off.",
        Query("max(efir_intake_closed)"),
        "short",
        ["EfirIntakeClosed"],
        rising(1, 1),
        texts={0: "open", 1: "CLOSED"},
    ),
    figure(
        "Stale feeds",
        "Feeds that could not be read for six hours or longer.",
        Query("max(efir_feeds_stale)"),
        "short",
        ["EfirFeedStale"],
        rising(1, 10),
        none="no feeds",
    ),
]

_ENTERED = [
    lines(
        "By verdict",
        "Documents per second that entered, by what became of them.",
        Query(tallied("efir_admissions_total", "verdict"), "{{verdict}}"),
        unit="suffix: docs/s",
        stacked=True,
    ),
    lines(
        "By format",
        "Documents per second that entered, by the format they came in.",
        Query(tallied("efir_admissions_total", "format"), "{{format}}"),
        unit="suffix: docs/s",
        stacked=True,
    ),
    lines(
        "Rejected, by reason",
        "Inputs per second that may not enter.",
        Query(tallied("efir_rejections_total", "reason"), "{{reason}}"),
        unit="suffix: docs/s",
        stacked=True,
    ),
    bars(
        "Busiest sources",
        "Documents that entered from a source in the chosen time. At most EFIR_METRICS_SOURCES are told apart.",
        Query(f"topk(12, {grown('efir_source_documents_total', 'source', _ADMITTED, _ALL)})", "{{source}}"),
        "short",
    ),
    rows(
        "Rejections",
        "Inputs that were rejected in the chosen time, by format and reason.",
        Query(f"{grown('efir_rejections_total', 'format, reason', '', _ALL)} > 0"),
        "short",
        {"format": "Format", "reason": "Reason", "Value": "Inputs"},
    ),
    rows(
        "Sources that send nothing new",
        "Known texts, duplicates and rejected inputs of a source in the chosen time.",
        Query(f"topk(12, {grown('efir_source_documents_total', 'source, verdict', _NOT_NEW, _ALL)} > 0)"),
        "short",
        {"source": "Source", "verdict": "Verdict", "Value": "Inputs"},
    ),
]

_FEEDS = [
    lines(
        "Feeds by status",
        "Active, failing and gone ones.",
        Query("max by (status) (efir_feeds)", "{{status}}"),
        unit="short",
        alerts=["EfirFeedStale"],
        stacked=True,
    ),
    lines(
        "Polls by outcome",
        "Times a second that a feed was asked.",
        Query(rate("efir_feed_polls_total", "outcome", _HERE), "{{outcome}}"),
        unit="suffix: polls/s",
        alerts=["EfirFeedStale"],
        stacked=True,
    ),
    lines(
        "Entries by outcome",
        "New and changed entries of feeds a second, by what became of them.",
        Query(rate("efir_feed_entries_total", "outcome", _HERE), "{{outcome}}"),
        unit="suffix: docs/s",
        stacked=True,
    ),
    lines(
        "Pages and transcripts behind entries",
        "Article pages and podcast transcripts fetched a second, by outcome.",
        Query(rate("efir_feed_links_total", "kind, outcome", _HERE), "{{kind}}: {{outcome}}"),
        unit="suffix: links/s",
    ),
    lines(
        "Time of a poll",
        "Fetching, reading and admission of one feed, over ten minutes.",
        *quantiles("efir_feed_poll_seconds", _HERE, window="[10m]"),
        unit="s",
    ),
    lines(
        "Late and stale",
        "For how long the feed that waits longest has been due, and the one that fails longest could not be read.",
        Query("max(efir_feeds_late_seconds)", "due"),
        Query("max(efir_feeds_stale_seconds)", "cannot be read"),
        unit="s",
        alerts=["EfirFeedStale", "EfirFeedsLate"],
        steps=rising(900, 6 * 3600),
    ),
]

_API = [
    lines(
        "Requests by status",
        "Requests a second to the API.",
        Query(rate("efir_api_requests_total", "status", _HERE), "{{status}}"),
        unit="reqps",
        stacked=True,
    ),
    lines(
        "Time of a request",
        "From a request's head to the end of its answer, by route: 95 % took no longer.",
        Query(
            f"histogram_quantile(0.95, sum by (le, route) (rate(efir_api_request_seconds_bucket{{{_HERE}}}{RATE})))",
            "{{route}}",
        ),
        unit="s",
    ),
    lines(
        "Documents sent to the API",
        "By verdict; refused ones by reason.",
        Query(rate("efir_api_documents_total", "verdict, reason", _HERE), "{{verdict}} {{reason}}"),
        unit="suffix: docs/s",
        stacked=True,
    ),
]


def board(runbooks: str) -> parts.Board:
    return parts.board(
        "ingest",
        "Ingest",
        "Sources, feeds, formats and the API: what comes in, what is rejected, what was there already.",
        [INSTANCE],
        ANNOTATIONS,
        {"Now": _NOW, "What entered": _ENTERED, "Feeds": _FEEDS, "API": _API},
        runbooks=runbooks,
    )
