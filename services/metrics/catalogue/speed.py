"""How fast is each stage?"""

from __future__ import annotations

from services.metrics.catalogue.common import AGES, SECONDS
from services.metrics.forms import Section

_section = Section(
    "How fast is each stage?",
    "A message's time is its wait in the queue (`efir_queue_wait_seconds`), then the work on it (`efir_task_seconds`), "
    "which is the model (`efir_stage_seconds`), the store (`efir_stage_store_seconds`) and a little of the broker.",
)
documents = _section.counter(
    "efir_documents",
    "Documents a stage was asked for, by what became of them: done, present (the artifact was there already), "
    "quarantined, gone (taken down meanwhile).",
    ["stage", "lane", "outcome"],
)
tokens = _section.counter("efir_tokens", "Tokens of the documents a stage has done.", ["stage"])
characters = _section.counter("efir_characters", "Characters of the documents a stage has done.", ["stage"])
queue_wait = _section.histogram(
    "efir_queue_wait_seconds",
    "Time a message lay in its queue before a process began with it.",
    ["stage", "lane"],
    AGES,
)
task_seconds = _section.histogram(
    "efir_task_seconds", "Time from beginning with a message to being done with it.", ["stage", "lane"], SECONDS
)
stage_seconds = _section.histogram(
    "efir_stage_seconds", "Time a stage took to compute one batch, store access left out.", ["stage"], SECONDS
)
stage_store_seconds = _section.histogram(
    "efir_stage_store_seconds",
    "Time that one batch took besides computing: reading, decoding, encoding, writing, and joining records.",
    ["stage"],
    SECONDS,
)
batch_documents = _section.histogram(
    "efir_batch_documents", "Documents in one message.", ["stage"], (1, 2, 4, 8, 12, 16, 24, 32, 64)
)
batch_fill = _section.histogram(
    "efir_batch_fill_ratio",
    "How full a computed batch was: of EFIR_BATCH_DOCUMENTS or EFIR_BATCH_CHARACTERS, whichever was nearer.",
    ["stage"],
    (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
)
