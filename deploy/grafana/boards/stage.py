"""One stage: what it does, what waits for it, where its time goes, what fails."""

from __future__ import annotations

from deploy.grafana.boards import parts
from deploy.grafana.boards.common import ANNOTATIONS, LANE, STAGE
from deploy.grafana.boards.parts import Query, Shape, figure, lines, rising, rows
from deploy.grafana.boards.queries import RATE, mean, quantiles, rate

_OF_STAGE = 'stage="$stage"'
_OF_LANE = 'stage="$stage", lane=~"$lane"'

_NOW = [
    figure(
        "Waiting",
        "Documents that wait for the stage.",
        Query(f"sum(max by (lane) (efir_queue_documents{{{_OF_LANE}}}))"),
        "short",
    ),
    figure(
        "In hand",
        "Documents in the hands of workers.",
        Query(f"sum(max by (lane) (efir_unacknowledged_documents{{{_OF_LANE}}}))"),
        "short",
    ),
    figure(
        "Oldest",
        "Age since its admission of the oldest document that waits for the stage or is in hand.",
        Query(f"max(stage_lane:efir_queue_oldest_seconds:max{{{_OF_LANE}}})"),
        "s",
        ["EfirOldestDocument"],
        rising(150, 300),
    ),
    figure(
        "Gone in",
        "When its queues are empty if all goes on as in the last minute; ∞ while they grow.",
        Query(f"max(efir_queue_drain_seconds{{{_OF_LANE}}})"),
        "s",
        steps=rising(600, 3600),
        none="nothing waits",
    ),
    figure(
        "Paused",
        "Whether the stage is paused, by an operator or by the circuit breaker.",
        Query(f"max(efir_stage_paused{{{_OF_STAGE}}})"),
        "short",
        ["EfirStagePaused", "EfirBreakerOpen"],
        rising(1, 1),
        texts={0: "no", 1: "PAUSED"},
    ),
    figure(
        "In quarantine",
        "Documents that the stage gave up.",
        Query(f"stage:efir_quarantine_documents:max{{{_OF_STAGE}}}"),
        "short",
        ["EfirQuarantineGrowing"],
        rising(1, 100),
    ),
]

_SPEED = [
    lines(
        "Documents by outcome",
        "Documents per second: done, present (the artifact was there already), quarantined, gone (taken down).",
        Query(rate("efir_documents_total", "outcome", _OF_LANE), "{{outcome}}"),
        unit="suffix: docs/s",
        stacked=True,
    ),
    lines(
        "Tokens",
        "Tokens per second of the documents the stage has done.",
        Query(rate("efir_tokens_total", "stage", _OF_STAGE), "{{stage}}"),
        unit="suffix: tokens/s",
    ),
    lines(
        "Waiting and in hand",
        "Documents by lane.",
        Query(f"max by (lane) (efir_queue_documents{{{_OF_LANE}}})", "{{lane}}: waiting"),
        Query(f"max by (lane) (efir_unacknowledged_documents{{{_OF_LANE}}})", "{{lane}}: in hand"),
        unit="short",
    ),
    lines(
        "Wait in the queue",
        "Time a message lay in its queue before a process began with it.",
        *quantiles("efir_queue_wait_seconds", _OF_LANE),
        unit="s",
        alerts=["EfirOldestDocument"],
        steps=rising(150, 300),
    ),
    lines(
        "Work on a message",
        "Time from beginning with a message to being done with it.",
        *quantiles("efir_task_seconds", _OF_LANE),
        unit="s",
    ),
    lines(
        "Model and store",
        "Mean time of a batch: computing, and besides it reading, decoding, encoding, writing and joining.",
        Query(mean("efir_stage_seconds", "stage", _OF_STAGE), "model"),
        Query(mean("efir_stage_store_seconds", "stage", _OF_STAGE), "store"),
        unit="s",
        stacked=True,
    ),
]

_BATCHES = [
    lines(
        "Documents in a message",
        "Mean and largest tenth. Neural stages are fast on full batches.",
        Query(mean("efir_batch_documents", "stage", _OF_STAGE), "mean"),
        *quantiles("efir_batch_documents", _OF_STAGE, of=(0.9,)),
        unit="short",
    ),
    lines(
        "Batch fill",
        "How full a batch was, of EFIR_BATCH_DOCUMENTS or EFIR_BATCH_CHARACTERS, whichever was nearer. Low under load "
        "means that documents are admitted one by one.",
        Query(mean("efir_batch_fill_ratio", "stage", _OF_STAGE), "mean"),
        unit="percentunit",
        top=1,
    ),
    lines(
        "Processor time of a document",
        "Processor seconds per document done.",
        Query(f"stage:efir_stage_cpu_seconds:per_document_rate5m{{{_OF_STAGE}}}", "{{stage}}"),
        unit="s",
    ),
]

_FAILURES = [
    rows(
        "Given up, by reason",
        "Documents that workers brought to quarantine since they were started; those that ended within an hour, too.",
        Query(f"sum by (kind, reason) (max_over_time(efir_failures_total{{{_OF_STAGE}}}[1h])) > 0"),
        "short",
        {"kind": "Kind", "reason": "Reason", "Value": "Documents"},
        ["EfirQuarantineGrowing"],
    ),
    lines(
        "Share of failures in sight of the breaker",
        "Of the last EFIR_BREAKER_DOCUMENTS documents. Above EFIR_BREAKER_SHARE (0.2) the breaker opens.",
        Query(f"max by (stage) (efir_breaker_failed_ratio{{{_OF_STAGE}}})", "{{stage}}"),
        Query(f"max by (stage) (efir_breaker_open{{{_OF_STAGE}}})", "it is open"),
        unit="percentunit",
        alerts=["EfirBreakerOpen"],
        steps=rising(0.1, 0.2),
    ),
    lines(
        "Came back",
        "Messages that came again, batches split after a lost worker, documents sent back to an earlier stage.",
        Query(f"{rate('efir_redeliveries_total', '', _OF_STAGE)} or vector(0)", "redelivered"),
        Query(f"{rate('efir_batches_split_total', '', _OF_STAGE)} or vector(0)", "split"),
        Query(f"{rate('efir_sent_back_documents_total', '', _OF_STAGE)} or vector(0)", "sent back"),
        Query(f"{rate('efir_transient_errors_total', '', _OF_STAGE)} or vector(0)", "waited for store or broker"),
        unit="suffix: /s",
        alerts=["EfirRetryStorm"],
    ),
]

_COST = [
    lines(
        "Written to the store",
        "Bytes per second under the stage's folder.",
        Query(f'sum(rate(efir_store_written_bytes_total{{folder="$stage"}}{RATE}))', "written"),
        Query(f'sum(rate(efir_store_read_bytes_total{{folder="$stage"}}{RATE}))', "read"),
        unit="Bps",
    ),
    lines(
        "Processor",
        "Cores that work on the stage's messages.",
        Query(rate("efir_stage_cpu_seconds_total", "instance", _OF_STAGE), "{{instance}}"),
        unit="suffix: cores",
        stacked=True,
    ),
    rows(
        "Models",
        "Models that workers have for the stage. More than one fingerprint of a language: a roll-out under way, or one "
        "that stopped.",
        Query(f"count by (language, fingerprint) (efir_model_info{{{_OF_STAGE}}})"),
        "short",
        {"language": "Language", "fingerprint": "Fingerprint", "Value": "Workers"},
        shape=Shape(8, 8),
    ),
]


def board(runbooks: str) -> parts.Board:
    return parts.board(
        "stage",
        "Stage",
        "One stage: speed, backlog, batches, failures and cost.",
        [STAGE, LANE],
        ANNOTATIONS,
        {
            "Now": _NOW,
            "Speed": _SPEED,
            "Batches and cost of a document": _BATCHES,
            "Failures": _FAILURES,
            "Cost": _COST,
        },
        runbooks=runbooks,
    )
