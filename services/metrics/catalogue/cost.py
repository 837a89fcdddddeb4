"""What does it cost?"""

from __future__ import annotations

from services.metrics.catalogue.common import STORING
from services.metrics.forms import Section

_section = Section(
    "What does it cost?",
    "Per document: divide by `efir_documents_total`. A worker's `process` is `main` or a slot of its pool (`pool0`, "
    "...); they share pages, so the sum of their resident memory is too much, and that of the proportional is right.",
)
stage_cpu = _section.counter(
    "efir_stage_cpu_seconds", "Processor time of pool processes while they worked on a stage's messages.", ["stage"]
)
written_bytes = _section.counter(
    "efir_store_written_bytes",
    "Bytes written to the store, by the top folder: a stage's name, documents, records, quarantine, ...",
    ["folder"],
    by=STORING,
)
read_bytes = _section.counter(
    "efir_store_read_bytes", "Bytes read from the store, by the top folder.", ["folder"], by=STORING
)
process_cpu = _section.reading(
    "efir_process_cpu_seconds", "Processor time of a worker's process.", ["process"], kind="counter", by=["worker"]
)
process_resident = _section.reading(
    "efir_process_resident_memory_bytes", "Resident memory of a worker's process.", ["process"], by=["worker"]
)
process_proportional = _section.reading(
    "efir_process_proportional_memory_bytes",
    "Memory of a worker's process, a page that n processes share counted as 1/n.",
    ["process"],
    by=["worker"],
)
process_descriptors = _section.reading(
    "efir_process_open_fds", "Open file descriptors of a worker's process.", ["process"], by=["worker"]
)
process_descriptors_limit = _section.reading(
    "efir_process_max_fds", "File descriptors that a worker's process may open.", ["process"], by=["worker"]
)
model_memory = _section.gauge(
    "efir_model_memory_bytes",
    "How much a pool process grew when it loaded a stage's models; what stages share, the first one bears.",
    ["stage", "language"],
    mode="max",
)
model_load_seconds = _section.gauge(
    "efir_model_load_seconds",
    "How long a pool process took to load a stage's models.",
    ["stage", "language"],
    mode="max",
)
