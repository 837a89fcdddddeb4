"""Names that an operator of Celery knows."""

from __future__ import annotations

from services.metrics.catalogue.common import SECONDS
from services.metrics.forms import Section

_section = Section(
    "Names that an operator of Celery knows",
    "As [celery-exporter](https://github.com/danihodovic/celery-exporter) names them, for dashboards made for it. "
    "Celery's events stay off: these are Efir's own counts. Efir has one task, and a document that fails is "
    "quarantined and does not fail the task, so `failed` counts messages of which a document was given up.",
)
LABELS = ("name", "hostname", "queue_name")
sent = _section.tally(
    "celery_task_sent", "Messages published. Whoever publishes them, `hostname` is `generic`.", LABELS
)
received = _section.counter("celery_task_received", "Messages taken from a queue by a worker.", LABELS)
started = _section.counter("celery_task_started", "Messages that a pool process began with.", LABELS)
succeeded = _section.counter("celery_task_succeeded", "Messages of which no document was given up.", LABELS)
failed = _section.counter(
    "celery_task_failed",
    "Messages of which a document was given up; `exception` is the first one's reason.",
    ("name", "hostname", "exception", "queue_name"),
)
retried = _section.counter(
    "celery_task_retried",
    "Times a message had to wait for the store or the broker, and was tried again.",
    LABELS,
)
rejected = _section.counter("celery_task_rejected", "Messages handed back to their queue.", LABELS)
revoked = _section.counter("celery_task_revoked", "Messages dropped, as their campaign was cancelled.", LABELS)
runtime = _section.histogram(
    "celery_task_runtime", "Seconds from beginning with a message to being done with it.", LABELS, SECONDS
)
worker_up = _section.reading(
    "celery_worker_up",
    "1 for a worker that said so in the last 20 seconds; 0, for an hour, for one that went away without saying so.",
    ["hostname"],
)
active = _section.reading(
    "celery_worker_tasks_active", "Messages a worker's processes work on.", ["hostname"], by=["worker"]
)
queue = _section.reading("celery_queue_length", "Messages waiting in a queue.", ["queue_name"])
consumers = _section.reading("celery_active_consumer_count", "Workers that take from a queue.", ["queue_name"])
workers = _section.reading("celery_active_worker_count", "Workers that take from a queue.", ["queue_name"])
processes = _section.reading(
    "celery_active_process_count", "Pool processes of the workers that take from a queue.", ["queue_name"]
)
