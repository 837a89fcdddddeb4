"""How fresh are the records?"""

from __future__ import annotations

from services.metrics.catalogue.common import AGES
from services.metrics.forms import Section

_section = Section(
    "How fresh are the records?",
    "The objective: 99 % of the live documents are recorded within 5 minutes. A share of it is "
    '`efir_record_age_seconds_bucket{lane="live",le="300.0"}` over `efir_record_age_seconds_count{lane="live"}`. '
    "Only what is recorded is in it; what waits shows in `efir_queue_oldest_seconds`, what never will be in "
    "`efir_failures_total`.",
)
record_age = _section.histogram(
    "efir_record_age_seconds",
    "Time from a document's admission (in the replay lane: from when it was enqueued) to its record.",
    ["lane"],
    AGES,
)
records = _section.counter(
    "efir_records", "Records written. One that two workers wrote at once counts twice.", ["lane"]
)
queue_oldest = _section.reading(
    "efir_queue_oldest_seconds",
    "Age, since its admission, of the oldest document waiting or in hand; 0 with none.",
    ["stage", "lane"],
)
