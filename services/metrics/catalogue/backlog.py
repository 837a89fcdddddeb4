"""How much waits, and when is it gone?"""

from __future__ import annotations

from services.metrics.forms import Section

_section = Section(
    "How much waits, and when is it gone?",
    "Read from the queues themselves when the exporter is scraped. Documents of a long queue are told from a sample of "
    "64 of its messages.",
)
queue_messages = _section.reading("efir_queue_messages", "Messages waiting in a queue.", ["stage", "lane"])
queue_documents = _section.reading("efir_queue_documents", "Documents waiting in a queue.", ["stage", "lane"])
unacknowledged = _section.reading(
    "efir_unacknowledged_messages", "Messages in the hands of workers.", ["stage", "lane"]
)
unacknowledged_documents = _section.reading(
    "efir_unacknowledged_documents", "Documents in the hands of workers.", ["stage", "lane"]
)
arriving = _section.reading(
    "efir_queue_arriving_documents_per_second",
    "Documents that were enqueued, mean of the last minute.",
    ["stage", "lane"],
)
leaving = _section.reading(
    "efir_queue_leaving_documents_per_second",
    "Documents that were done with, mean of the last minute.",
    ["stage", "lane"],
)
queue_drain = _section.reading(
    "efir_queue_drain_seconds",
    "When the queue is empty if all goes on as in the last minute; +Inf when it does not shrink.",
    ["stage", "lane"],
)
stage_paused = _section.reading(
    "efir_stage_paused", "1 while a stage is paused, by the operator or the breaker.", ["stage", "by"]
)
intake_closed = _section.reading("efir_intake_closed", "1 while nothing is admitted because too much waits.")
high_water = _section.reading(
    "efir_high_water_documents", "Documents waiting or in hand above which nothing is admitted (EFIR_HIGH_WATER)."
)
