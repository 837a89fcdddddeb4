"""What comes in?"""

from __future__ import annotations

from services.metrics.forms import Section

_section = Section(
    "What comes in?",
    "Counted by whoever admits (API, feeds, commands), exported by the exporter. `source` is one of at most "
    "EFIR_METRICS_SOURCES names; the sources that came when all were given away are `other` together. The name of a "
    "source that was not heard of for a week goes to another.",
)
admissions = _section.tally(
    "efir_admissions",
    "Documents that entered, by the format they came in and what became of them: admitted, known, duplicate, "
    "near-duplicate, unsupported-language.",
    ["format", "verdict"],
)
rejections = _section.tally(
    "efir_rejections",
    "Inputs that may not enter, by format and reason. The format is `unknown` where no reader could read the input.",
    ["format", "reason"],
)
source_documents = _section.tally(
    "efir_source_documents",
    "What a source sent, by what became of it: a verdict of efir_admissions_total, or rejected.",
    ["source", "verdict"],
)
feed_polls = _section.counter(
    "efir_feed_polls",
    "Polls by outcome: changed, unchanged, deferred (too many wait for the host), busy (admission was closed), away "
    "(the store or the broker was), the "
    "fetcher's (timeout, refused-address, http-5xx, gone, ...), the parser's (not-a-feed, dangerous-xml, ...).",
    ["outcome"],
    by=["feeds"],
)
feed_entries = _section.counter(
    "efir_feed_entries",
    "New and changed entries by what became of them: admission's verdict (admitted, known, duplicate, ...) or the "
    "reason for which it was rejected (empty, ...).",
    ["outcome"],
    by=["feeds"],
)
feed_links = _section.counter(
    "efir_feed_links",
    "Article pages and podcast transcripts by outcome: read, robots, or why not; then the feed's own words were taken, "
    "or the entry waits for the next poll.",
    ["kind", "outcome"],
    by=["feeds"],
)
feed_poll_seconds = _section.histogram(
    "efir_feed_poll_seconds",
    "Time of one poll, admission included.",
    [],
    (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300),
    by=["feeds"],
)
feeds = _section.reading("efir_feeds", "Feeds by status: active, failing, gone.", ["status"])
feeds_late = _section.reading("efir_feeds_late", "Feeds that are due and nobody polls.")
feeds_late_seconds = _section.reading(
    "efir_feeds_late_seconds", "For how long the one that waits longest has been due; 0 when none is."
)
feeds_stale = _section.reading(
    "efir_feeds_stale", "Feeds that could not be read for six hours or longer, and are not gone."
)
feeds_stale_seconds = _section.reading(
    "efir_feeds_stale_seconds", "For how long the feed that is failing longest could not be read; 0 when none fails."
)
api_requests = _section.counter(
    "efir_api_requests", "Requests, by route template, method and status.", ["route", "method", "status"], by=["api"]
)
api_seconds = _section.histogram(
    "efir_api_request_seconds",
    "Time from a request's head to the end of its answer.",
    ["route", "method"],
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120),
    by=["api"],
)
api_documents = _section.counter(
    "efir_api_documents",
    "Transcripts sent to the API, by what became of them: the verdict, or `refused` with the reason.",
    ["verdict", "reason"],
    by=["api"],
)
