"""The catalogue: every metric of the system, defined once, under the question that it answers.

docs/metrics.md is made from it (`python -m services.metrics`). Prometheus conventions: base units, `_total` for
counters, and no label whose values grow with the data: never a document's id or a URL. A source's name is a label only
in the bounded form of services/metrics/sources.py.

Who measures says `metrics.documents.labels(stage, lane, "done").inc()`. The forms there are: services/metrics/forms.py.
"""

from __future__ import annotations

from services.metrics.forms import Process, Section

SECONDS = (0.005, 0.02, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300)
# The objective is five minutes, so there is a bucket that ends there, and some on the way to it.
AGES = (1, 2, 5, 10, 30, 60, 120, 180, 240, 300, 600, 900, 1800, 3600, 4 * 3600, 24 * 3600)
_EVERY: tuple[Process, ...] = ("worker", "exporter", "api", "feeds", "dispatcher")
_STORING: tuple[Process, ...] = ("worker", "api", "feeds", "exporter", "dispatcher")

# ---------------------------------------------------------------------------------------------------------------------
up = Section(
    "Is it up, and does it get on?",
    "A worker is alive when it finishes things, whatever its process does. An installation gets on when "
    "`efir_last_record_timestamp_seconds` does, or nothing waits.",
)
worker_healthy = up.reading(
    "efir_worker_healthy",
    "0 when the worker had work and finished nothing for EFIR_PROGRESS_SECONDS.",
    by=["worker"],
)
worker_stalled = up.reading(
    "efir_worker_stalled_seconds",
    "Time since the worker finished a message or knew that there was nothing to do.",
    by=["worker"],
)
worker_held = up.reading(
    "efir_worker_intake_held",
    "1 while the worker takes nothing from the queues, because the store is away.",
    by=["worker"],
)
waiting = up.gauge(
    "efir_waiting_processes", "Processes that hold documents and wait for the store or the broker, now.", ["cause"]
)
pool_starts = up.counter(
    "efir_pool_process_starts",
    "Processes that a worker's pool has started, the first ones included; one that is killed is replaced.",
    ["process"],
)
workers = up.reading(
    "efir_workers", "Workers that serve a queue and said so in the last 20 seconds.", ["stage", "lane"]
)
worker_processes = up.reading(
    "efir_worker_processes", "Pool processes of the workers that serve a queue.", ["stage", "lane"]
)
workers_lost = up.reading(
    "efir_workers_lost", "Workers that went away in the last hour without saying so: killed, crashed or cut off."
)
dispatcher_active = up.reading("efir_dispatcher_active", "1 while a dispatcher holds the lease on feeding campaigns.")
last_record = up.latest("efir_last_record_timestamp_seconds", "When the last record was written, Unix time.", ["lane"])
last_admission = up.latest(
    "efir_last_admission_timestamp_seconds", "When the last new document was admitted, Unix time.", ["lane"]
)
collected_at = up.reading(
    "efir_exporter_collected_timestamp_seconds",
    "When the exporter last got an answer, by what it asks: `broker` at each scrape, `store` every "
    "EFIR_EXPORTER_SECONDS. What it exports of the store is as old as this says.",
    ["part"],
)
collect_seconds = up.reading(
    "efir_exporter_collect_seconds", "How long it took the exporter to ask, the last time.", ["part"]
)

# ---------------------------------------------------------------------------------------------------------------------
fresh = Section(
    "How fresh are the records?",
    "The objective: 99 % of the live documents are recorded within 5 minutes. A share of it is "
    '`efir_record_age_seconds_bucket{lane="live",le="300.0"}` over `efir_record_age_seconds_count{lane="live"}`. '
    "Only what is recorded is in it; what waits shows in `efir_queue_oldest_seconds`, what never will be in "
    "`efir_failures_total`.",
)
record_age = fresh.histogram(
    "efir_record_age_seconds",
    "Time from a document's admission (in the replay lane: from when it was enqueued) to its record.",
    ["lane"],
    AGES,
)
records = fresh.counter("efir_records", "Records written. One that two workers wrote at once counts twice.", ["lane"])
queue_oldest = fresh.reading(
    "efir_queue_oldest_seconds",
    "Age, since its admission, of the oldest document waiting or in hand; 0 with none.",
    ["stage", "lane"],
)

# ---------------------------------------------------------------------------------------------------------------------
backlog = Section(
    "How much waits, and when is it gone?",
    "Read from the queues themselves when the exporter is scraped. Documents of a long queue are told from a sample of "
    "64 of its messages.",
)
queue_messages = backlog.reading("efir_queue_messages", "Messages waiting in a queue.", ["stage", "lane"])
queue_documents = backlog.reading("efir_queue_documents", "Documents waiting in a queue.", ["stage", "lane"])
unacknowledged = backlog.reading("efir_unacknowledged_messages", "Messages in the hands of workers.", ["stage", "lane"])
unacknowledged_documents = backlog.reading(
    "efir_unacknowledged_documents", "Documents in the hands of workers.", ["stage", "lane"]
)
arriving = backlog.reading(
    "efir_queue_arriving_documents_per_second",
    "Documents that were enqueued, mean of the last minute.",
    ["stage", "lane"],
)
leaving = backlog.reading(
    "efir_queue_leaving_documents_per_second",
    "Documents that were done with, mean of the last minute.",
    ["stage", "lane"],
)
queue_drain = backlog.reading(
    "efir_queue_drain_seconds",
    "When the queue is empty if all goes on as in the last minute; +Inf when it does not shrink.",
    ["stage", "lane"],
)
stage_paused = backlog.reading(
    "efir_stage_paused", "1 while a stage is paused, by the operator or the breaker.", ["stage", "by"]
)
intake_closed = backlog.reading("efir_intake_closed", "1 while nothing is admitted because too much waits.")
high_water = backlog.reading(
    "efir_high_water_documents", "Documents waiting or in hand above which nothing is admitted (EFIR_HIGH_WATER)."
)

# ---------------------------------------------------------------------------------------------------------------------
speed = Section(
    "How fast is each stage?",
    "A message's time is its wait in the queue (`efir_queue_wait_seconds`), then the work on it (`efir_task_seconds`), "
    "which is the model (`efir_stage_seconds`), the store (`efir_stage_store_seconds`) and a little of the broker.",
)
documents = speed.counter(
    "efir_documents",
    "Documents a stage was asked for, by what became of them: done, present (the artifact was there already), "
    "quarantined, gone (taken down meanwhile).",
    ["stage", "lane", "outcome"],
)
tokens = speed.counter("efir_tokens", "Tokens of the documents a stage has done.", ["stage"])
characters = speed.counter("efir_characters", "Characters of the documents a stage has done.", ["stage"])
queue_wait = speed.histogram(
    "efir_queue_wait_seconds",
    "Time a message lay in its queue before a process began with it.",
    ["stage", "lane"],
    AGES,
)
task_seconds = speed.histogram(
    "efir_task_seconds", "Time from beginning with a message to being done with it.", ["stage", "lane"], SECONDS
)
stage_seconds = speed.histogram(
    "efir_stage_seconds", "Time a stage took to compute one batch, store access left out.", ["stage"], SECONDS
)
stage_store_seconds = speed.histogram(
    "efir_stage_store_seconds",
    "Time that one batch took besides computing: reading, decoding, encoding, writing, and joining records.",
    ["stage"],
    SECONDS,
)
batch_documents = speed.histogram(
    "efir_batch_documents", "Documents in one message.", ["stage"], (1, 2, 4, 8, 12, 16, 24, 32, 64)
)
batch_fill = speed.histogram(
    "efir_batch_fill_ratio",
    "How full a computed batch was: of EFIR_BATCH_DOCUMENTS or EFIR_BATCH_CHARACTERS, whichever was nearer.",
    ["stage"],
    (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
)

# ---------------------------------------------------------------------------------------------------------------------
failing = Section(
    "What fails?",
    "Transient failures are waited for (`cause`: store or broker). What is given up is in quarantine with a `reason`: "
    "the exception's name (TooSlow, ...) or one of Efir's own words (worker-lost, no-bundle, need-missing, ...).",
)
failures = failing.counter(
    "efir_failures", "Documents that were given up and quarantined, by kind of failure.", ["stage", "kind", "reason"]
)
transient_errors = failing.counter(
    "efir_transient_errors", "Times a batch had to wait and try again, by what was missing.", ["stage", "cause"]
)
redeliveries = failing.counter(
    "efir_redeliveries", "Messages that came again because whoever had them was lost.", ["stage", "lane"]
)
batches_split = failing.counter(
    "efir_batches_split", "Batches taken apart into single documents, after their worker was lost.", ["stage"]
)
sent_back = failing.counter(
    "efir_sent_back_documents",
    "Documents that `stage` sent back, because what it needs of `need` was not there: the models changed.",
    ["stage", "need"],
)
handed_back = failing.counter(
    "efir_handed_back_messages",
    "Messages that a worker gave back to their queue, after waiting for the store.",
    ["stage"],
)
breaker_held = failing.counter(
    "efir_breaker_held_documents",
    "Documents that failed while the circuit breaker was open, and went back to their queue instead of quarantine.",
    ["stage"],
)
breaker_open = failing.reading("efir_breaker_open", "1 while the circuit breaker has paused the stage.", ["stage"])
breaker_ratio = failing.reading(
    "efir_breaker_failed_ratio",
    "Share of failures among the last EFIR_BREAKER_DOCUMENTS documents of a stage; above EFIR_BREAKER_SHARE it opens.",
    ["stage"],
)
quarantine_documents = failing.reading("efir_quarantine_documents", "Documents in quarantine.", ["stage"])
quarantine_oldest = failing.reading(
    "efir_quarantine_oldest_seconds", "Age of the oldest entry; not there when there is none.", ["stage"]
)
quarantine_newest = failing.reading(
    "efir_quarantine_newest_seconds", "Age of the newest entry; not there when there is none.", ["stage"]
)

# ---------------------------------------------------------------------------------------------------------------------
cost = Section(
    "What does it cost?",
    "Per document: divide by `efir_documents_total`. A worker's `process` is `main` or a slot of its pool (`pool0`, "
    "...); they share pages, so the sum of their resident memory is too much, and that of the proportional is right.",
)
stage_cpu = cost.counter(
    "efir_stage_cpu_seconds", "Processor time of pool processes while they worked on a stage's messages.", ["stage"]
)
written_bytes = cost.counter(
    "efir_store_written_bytes",
    "Bytes written to the store, by the top folder: a stage's name, documents, records, quarantine, ...",
    ["folder"],
    by=_STORING,
)
read_bytes = cost.counter(
    "efir_store_read_bytes", "Bytes read from the store, by the top folder.", ["folder"], by=_STORING
)
process_cpu = cost.reading(
    "efir_process_cpu_seconds", "Processor time of a worker's process.", ["process"], kind="counter", by=["worker"]
)
process_resident = cost.reading(
    "efir_process_resident_memory_bytes", "Resident memory of a worker's process.", ["process"], by=["worker"]
)
process_proportional = cost.reading(
    "efir_process_proportional_memory_bytes",
    "Memory of a worker's process, a page that n processes share counted as 1/n.",
    ["process"],
    by=["worker"],
)
process_descriptors = cost.reading(
    "efir_process_open_fds", "Open file descriptors of a worker's process.", ["process"], by=["worker"]
)
process_descriptors_limit = cost.reading(
    "efir_process_max_fds", "File descriptors that a worker's process may open.", ["process"], by=["worker"]
)
model_memory = cost.gauge(
    "efir_model_memory_bytes",
    "How much a pool process grew when it loaded a stage's models; what stages share, the first one bears.",
    ["stage", "language"],
    mode="max",
)
model_load_seconds = cost.gauge(
    "efir_model_load_seconds",
    "How long a pool process took to load a stage's models.",
    ["stage", "language"],
    mode="max",
)

# ---------------------------------------------------------------------------------------------------------------------
intake = Section(
    "What comes in?",
    "Counted by whoever admits (API, feeds, commands), exported by the exporter. `source` is one of at most "
    "EFIR_METRICS_SOURCES names; the sources that came when all were given away are `other` together. The name of a "
    "source that was not heard of for a week goes to another.",
)
admissions = intake.tally(
    "efir_admissions",
    "Documents that entered, by the format they came in and what became of them: admitted, known, duplicate, "
    "near-duplicate, unsupported-language.",
    ["format", "verdict"],
)
rejections = intake.tally(
    "efir_rejections",
    "Inputs that may not enter, by format and reason. The format is `unknown` where no reader could read the input.",
    ["format", "reason"],
)
source_documents = intake.tally(
    "efir_source_documents",
    "What a source sent, by what became of it: a verdict of efir_admissions_total, or rejected.",
    ["source", "verdict"],
)
feed_polls = intake.counter(
    "efir_feed_polls",
    "Polls by outcome: changed, unchanged, deferred (too many wait for the host), busy (admission was closed), away "
    "(the store or the broker was), the "
    "fetcher's (timeout, refused-address, http-5xx, gone, ...), the parser's (not-a-feed, dangerous-xml, ...).",
    ["outcome"],
    by=["feeds"],
)
feed_entries = intake.counter(
    "efir_feed_entries",
    "New and changed entries by what became of them: admission's verdict (admitted, known, duplicate, ...) or the "
    "reason for which it was rejected (empty, ...).",
    ["outcome"],
    by=["feeds"],
)
feed_links = intake.counter(
    "efir_feed_links",
    "Article pages and podcast transcripts by outcome: read, robots, or why not; then the feed's own words were taken, "
    "or the entry waits for the next poll.",
    ["kind", "outcome"],
    by=["feeds"],
)
feed_poll_seconds = intake.histogram(
    "efir_feed_poll_seconds",
    "Time of one poll, admission included.",
    [],
    (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300),
    by=["feeds"],
)
feeds = intake.reading("efir_feeds", "Feeds by status: active, failing, gone.", ["status"])
feeds_late = intake.reading("efir_feeds_late", "Feeds that are due and nobody polls.")
feeds_late_seconds = intake.reading(
    "efir_feeds_late_seconds", "For how long the one that waits longest has been due; 0 when none is."
)
feeds_stale = intake.reading(
    "efir_feeds_stale", "Feeds that could not be read for six hours or longer, and are not gone."
)
feeds_stale_seconds = intake.reading(
    "efir_feeds_stale_seconds", "For how long the feed that is failing longest could not be read; 0 when none fails."
)
api_requests = intake.counter(
    "efir_api_requests", "Requests, by route template, method and status.", ["route", "method", "status"], by=["api"]
)
api_seconds = intake.histogram(
    "efir_api_request_seconds",
    "Time from a request's head to the end of its answer.",
    ["route", "method"],
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120),
    by=["api"],
)
api_documents = intake.counter(
    "efir_api_documents",
    "Transcripts sent to the API, by what became of them: the verdict, or `refused` with the reason.",
    ["verdict", "reason"],
    by=["api"],
)

# ---------------------------------------------------------------------------------------------------------------------
dependencies = Section(
    "Are the broker, the store and the clocks well?",
    "The broker's own figures are those of its INFO; the store is asked for a key that is not there.",
)
broker_up = dependencies.reading("efir_broker_up", "1 when the broker answered this scrape.")
broker_info = dependencies.reading("efir_broker_info", "1, with the broker's version.", ["version"])
broker_ping = dependencies.reading("efir_broker_ping_seconds", "Time of one round trip to the broker.")
broker_uptime = dependencies.reading("efir_broker_uptime_seconds", "Since the broker was started.")
broker_memory = dependencies.reading("efir_broker_memory_used_bytes", "Memory the broker uses for data and clients.")
broker_memory_max = dependencies.reading("efir_broker_memory_max_bytes", "What it may use; 0 without a limit.")
broker_memory_resident = dependencies.reading("efir_broker_memory_resident_bytes", "Resident memory of the broker.")
broker_clients = dependencies.reading("efir_broker_connected_clients", "Clients connected to the broker.")
broker_clients_max = dependencies.reading("efir_broker_max_clients", "Clients it accepts.")
broker_evicted = dependencies.reading(
    "efir_broker_evicted_keys", "Keys thrown away for want of memory. Must stay 0: keys are queues.", kind="counter"
)
broker_refused = dependencies.reading(
    "efir_broker_rejected_connections", "Connections refused for too many clients.", kind="counter"
)
broker_commands = dependencies.reading("efir_broker_commands", "Commands the broker has processed.", kind="counter")
broker_aof = dependencies.reading("efir_broker_aof_enabled", "1 when the broker keeps an append-only file.")
broker_aof_ok = dependencies.reading(
    "efir_broker_aof_last_write_ok", "0 when the last write to the append-only file failed."
)
broker_aof_bytes = dependencies.reading("efir_broker_aof_bytes", "Size of the append-only file.")
broker_aof_delayed = dependencies.reading(
    "efir_broker_aof_delayed_fsyncs", "Times writing had to wait for the disk.", kind="counter"
)
broker_saved = dependencies.reading(
    "efir_broker_last_save_timestamp_seconds", "When the last snapshot was written, Unix time."
)
broker_save_ok = dependencies.reading("efir_broker_last_save_ok", "0 when writing the last snapshot failed.")
store_up = dependencies.reading("efir_store_up", "1 when the store answered the exporter's last question.")
store_seconds = dependencies.histogram(
    "efir_store_operation_seconds", "Time of one store operation.", ["operation"], SECONDS, by=_STORING
)
store_errors = dependencies.counter(
    "efir_store_errors",
    "Store operations that failed: unavailable (will pass) or refused (will not). `code`: the store's word for it, "
    "its HTTP status, or no-answer.",
    ["operation", "kind", "code"],
    by=_STORING,
)
disk_free = dependencies.reading(
    "efir_state_disk_free_bytes", "Free space where the embedded installation keeps its state."
)
disk_size = dependencies.reading(
    "efir_state_disk_size_bytes", "What that file system can hold, without what it keeps from its users."
)
clock_skew = dependencies.reading(
    "efir_clock_skew_seconds",
    "This process's clock minus that of the broker (TIME) or the store (Date, in whole seconds).",
    ["against"],
    by=["worker", "exporter"],
)

# ---------------------------------------------------------------------------------------------------------------------
versions = Section(
    "Which versions run?", "More than one fingerprint of a stage: a roll-out under way, or one that stopped."
)
build_info = versions.reading(
    "efir_build_info", "1, with the version of Efir and of Python.", ["version", "python"], by=_EVERY
)
model_info = versions.reading(
    "efir_model_info",
    "1 for each stage of each language that a worker has models for, with the fingerprint that names the version.",
    ["stage", "language", "fingerprint"],
    by=["worker"],
)

# ---------------------------------------------------------------------------------------------------------------------
reprocessing = Section(
    "How far are the campaigns?",
    "Campaigns under way, the 20 newest; one that is done or cancelled is not exported any more. Read from the store "
    "every EFIR_EXPORTER_SECONDS.",
)
campaigns = reprocessing.reading("efir_campaigns", "Campaigns under way, by status.", ["status"])
campaign_planned = reprocessing.reading("efir_campaign_planned_documents", "Documents of its plan.", ["campaign"])
campaign_done = reprocessing.reading("efir_campaign_done_documents", "Documents that are done.", ["campaign"])
campaign_failed = reprocessing.reading(
    "efir_campaign_failed_documents", "Documents that were quarantined.", ["campaign"]
)
campaign_remaining = reprocessing.reading("efir_campaign_remaining_documents", "Documents still to do.", ["campaign"])
campaign_rate = reprocessing.reading(
    "efir_campaign_documents_per_second", "Documents that came to an end, mean of the last minute.", ["campaign"]
)
campaign_created = reprocessing.reading(
    "efir_campaign_created_timestamp_seconds", "When it was asked for, Unix time.", ["campaign"]
)
campaign_updated = reprocessing.reading(
    "efir_campaign_updated_timestamp_seconds",
    "When the dispatcher last wrote down how far it is, Unix time.",
    ["campaign"],
)

# ---------------------------------------------------------------------------------------------------------------------
content = Section(
    "What is in the documents?",
    "Counted when a record is written, kept in the broker, exported by the exporter. In the replay lane a document "
    'counts again each time it is made again, so panels about the news ask for `lane="live"`. Entities are a gauge of '
    "the few busiest, not a counter for each: whoever is talked about changes by the day, so counters would grow "
    "without end, while of these there are at most EFIR_METRICS_ENTITIES at any moment, and a name stays while it is "
    "busy. Only people, organisations and places are named, and nobody whom fewer than three records name. What a "
    "document that is taken down has added is gone within the hour, and from Prometheus when its retention ends. "
    "0 turns it off.",
)
content_documents = content.tally("efir_content_documents", "Records written, by language.", ["language", "lane"])
content_sources = content.tally("efir_source_records", "Records written, by source.", ["source", "lane"])
content_topics = content.tally(
    "efir_content_topic_documents",
    "Records that have a topic, one of the 17 at the top of IPTC's Media Topics; a record may have several.",
    ["topic", "lane"],
)
content_sentiment = content.tally(
    "efir_content_sentiment_documents",
    "Records by sentiment (negative, neutral, positive) and their best topic.",
    ["topic", "sentiment", "lane"],
)
content_score = content.tally(
    "efir_content_sentiment_score",
    "Sum of the records' scores without their sign, by sign: a counter cannot go down. The mean score is "
    "(positive - negative) / efir_content_sentiment_documents_total.",
    ["topic", "sign", "lane"],
)
content_entities = content.reading(
    "efir_content_entity_documents",
    "Live records of the last hour that name an entity; the EFIR_METRICS_ENTITIES busiest, each in at least three.",
    ["type", "entity"],
)

# ---------------------------------------------------------------------------------------------------------------------
celery = Section(
    "Names that an operator of Celery knows",
    "As [celery-exporter](https://github.com/danihodovic/celery-exporter) names them, for dashboards made for it. "
    "Celery's events stay off: these are Efir's own counts. Efir has one task, and a document that fails is "
    "quarantined and does not fail the task, so `failed` counts messages of which a document was given up.",
)
CELERY_LABELS = ("name", "hostname", "queue_name")
celery_sent = celery.tally(
    "celery_task_sent", "Messages published. Whoever publishes them, `hostname` is `generic`.", CELERY_LABELS
)
celery_received = celery.counter("celery_task_received", "Messages taken from a queue by a worker.", CELERY_LABELS)
celery_started = celery.counter("celery_task_started", "Messages that a pool process began with.", CELERY_LABELS)
celery_succeeded = celery.counter("celery_task_succeeded", "Messages of which no document was given up.", CELERY_LABELS)
celery_failed = celery.counter(
    "celery_task_failed",
    "Messages of which a document was given up; `exception` is the first one's reason.",
    ("name", "hostname", "exception", "queue_name"),
)
celery_retried = celery.counter(
    "celery_task_retried",
    "Times a message had to wait for the store or the broker, and was tried again.",
    CELERY_LABELS,
)
celery_rejected = celery.counter("celery_task_rejected", "Messages handed back to their queue.", CELERY_LABELS)
celery_revoked = celery.counter(
    "celery_task_revoked", "Messages dropped, as their campaign was cancelled.", CELERY_LABELS
)
celery_runtime = celery.histogram(
    "celery_task_runtime", "Seconds from beginning with a message to being done with it.", CELERY_LABELS, SECONDS
)
celery_worker_up = celery.reading(
    "celery_worker_up",
    "1 for a worker that said so in the last 20 seconds; 0, for an hour, for one that went away without saying so.",
    ["hostname"],
)
celery_active = celery.reading(
    "celery_worker_tasks_active", "Messages a worker's processes work on.", ["hostname"], by=["worker"]
)
celery_queue = celery.reading("celery_queue_length", "Messages waiting in a queue.", ["queue_name"])
celery_consumers = celery.reading("celery_active_consumer_count", "Workers that take from a queue.", ["queue_name"])
celery_workers = celery.reading("celery_active_worker_count", "Workers that take from a queue.", ["queue_name"])
celery_processes = celery.reading(
    "celery_active_process_count", "Pool processes of the workers that take from a queue.", ["queue_name"]
)
