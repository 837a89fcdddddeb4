"""Is it up, and does it get on?"""

from __future__ import annotations

from services.metrics.forms import Section

_section = Section(
    "Is it up, and does it get on?",
    "A worker is alive when it finishes things, whatever its process does. An installation gets on when "
    "`efir_last_record_timestamp_seconds` does, or nothing waits.",
)
worker_healthy = _section.reading(
    "efir_worker_healthy",
    "0 when the worker had work and finished nothing for EFIR_PROGRESS_SECONDS.",
    by=["worker"],
)
worker_stalled = _section.reading(
    "efir_worker_stalled_seconds",
    "Time since the worker finished a message or knew that there was nothing to do.",
    by=["worker"],
)
worker_held = _section.reading(
    "efir_worker_intake_held",
    "1 while the worker takes nothing from the queues, because the store is away.",
    by=["worker"],
)
waiting = _section.gauge(
    "efir_waiting_processes", "Processes that hold documents and wait for the store or the broker, now.", ["cause"]
)
pool_starts = _section.counter(
    "efir_pool_process_starts",
    "Processes that a worker's pool has started, the first ones included; one that is killed is replaced.",
    ["process"],
)
workers = _section.reading(
    "efir_workers", "Workers that serve a queue and said so in the last 20 seconds.", ["stage", "lane"]
)
worker_processes = _section.reading(
    "efir_worker_processes", "Pool processes of the workers that serve a queue.", ["stage", "lane"]
)
workers_lost = _section.reading(
    "efir_workers_lost", "Workers that went away in the last hour without saying so: killed, crashed or cut off."
)
dispatcher_active = _section.reading(
    "efir_dispatcher_active", "1 while a dispatcher holds the lease on feeding campaigns."
)
last_record = _section.latest(
    "efir_last_record_timestamp_seconds", "When the last record was written, Unix time.", ["lane"]
)
last_admission = _section.latest(
    "efir_last_admission_timestamp_seconds", "When the last new document was admitted, Unix time.", ["lane"]
)
collected_at = _section.reading(
    "efir_exporter_collected_timestamp_seconds",
    "When the exporter last got an answer, by what it asks: `broker` at each scrape, `store` every "
    "EFIR_EXPORTER_SECONDS. What it exports of the store is as old as this says.",
    ["part"],
)
collect_seconds = _section.reading(
    "efir_exporter_collect_seconds", "How long it took the exporter to ask, the last time.", ["part"]
)
