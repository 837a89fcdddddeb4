"""What fails?"""

from __future__ import annotations

from services.metrics.forms import Section

_section = Section(
    "What fails?",
    "Transient failures are waited for (`cause`: store or broker). What is given up is in quarantine with a `reason`: "
    "the exception's name (TooSlow, ...) or one of Efir's own words (worker-lost, no-bundle, need-missing, ...).",
)
failures = _section.counter(
    "efir_failures", "Documents that were given up and quarantined, by kind of failure.", ["stage", "kind", "reason"]
)
transient_errors = _section.counter(
    "efir_transient_errors", "Times a batch had to wait and try again, by what was missing.", ["stage", "cause"]
)
redeliveries = _section.counter(
    "efir_redeliveries", "Messages that came again because whoever had them was lost.", ["stage", "lane"]
)
batches_split = _section.counter(
    "efir_batches_split", "Batches taken apart into single documents, after their worker was lost.", ["stage"]
)
sent_back = _section.counter(
    "efir_sent_back_documents",
    "Documents that `stage` sent back, because what it needs of `need` was not there: the models changed.",
    ["stage", "need"],
)
handed_back = _section.counter(
    "efir_handed_back_messages",
    "Messages that a worker gave back to their queue, after waiting for the store.",
    ["stage"],
)
breaker_held = _section.counter(
    "efir_breaker_held_documents",
    "Documents that failed while the circuit breaker was open, and went back to their queue instead of quarantine.",
    ["stage"],
)
breaker_open = _section.reading("efir_breaker_open", "1 while the circuit breaker has paused the stage.", ["stage"])
breaker_ratio = _section.reading(
    "efir_breaker_failed_ratio",
    "Share of failures among the last EFIR_BREAKER_DOCUMENTS documents of a stage; above EFIR_BREAKER_SHARE it opens.",
    ["stage"],
)
quarantine_documents = _section.reading("efir_quarantine_documents", "Documents in quarantine.", ["stage"])
quarantine_oldest = _section.reading(
    "efir_quarantine_oldest_seconds", "Age of the oldest entry; not there when there is none.", ["stage"]
)
quarantine_newest = _section.reading(
    "efir_quarantine_newest_seconds", "Age of the newest entry; not there when there is none.", ["stage"]
)
