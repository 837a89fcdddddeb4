"""For the wall: is all well, and if not, which dashboard says more."""

from __future__ import annotations

from deploy.grafana.boards import parts
from deploy.grafana.boards.common import ANNOTATIONS
from deploy.grafana.boards.parts import Query, falling, figure, lines, rising
from deploy.grafana.boards.queries import RATE, SLO, quantiles

FRESH = ("EfirFreshnessFastBurn", "EfirFreshnessSlowBurn")
_YES_IS_GOOD = falling(0.5, 1)

_NOW = [
    figure(
        "Fresh (1 h)",
        "Share of the live documents recorded within 5 minutes of their admission, over an hour. The goal is 99 %.",
        Query("1 - efir:live_late:ratio_rate1h"),
        "percentunit",
        FRESH,
        falling(0.95, SLO),
        none="no documents",
    ),
    figure(
        "Budget burn (6 h)",
        "How many times faster than allowed late documents come, over six hours. At 1 the month's budget of 1 % lasts "
        "the month, at 6 five days.",
        Query("efir:live_late:ratio_rate6h / 0.01"),
        "suffix: ×",
        FRESH,
        rising(1, 6),
        none="no documents",
    ),
    figure(
        "Oldest live document",
        "Age since its admission of the oldest live document that waits or is in hand.",
        Query('max(stage_lane:efir_queue_oldest_seconds:max{lane="live"})'),
        "s",
        ["EfirOldestDocument"],
        rising(150, 300),
    ),
    figure(
        "Documents on their way",
        "Waiting or in hand, over all stages and both lanes. A document counts at each stage it waits for.",
        Query("sum(lane:efir_in_flight_documents:sum)"),
        "short",
        ["EfirNoProgress", "EfirIntakeClosed"],
    ),
    figure(
        "Backlog gone in",
        "When the longest queue is empty if all goes on as in the last minute; ∞ while it grows.",
        Query("max(efir_queue_drain_seconds)"),
        "s",
        steps=rising(600, 3600),
        none="nothing waits",
    ),
    figure(
        "Records",
        "Records written per second, both lanes.",
        Query(f"sum(rate(efir_records_total{RATE}))"),
        "suffix: docs/s",
        ["EfirNoProgress"],
    ),
    figure(
        "Alerts",
        "Alerts of Efir that fire now.",
        Query('count(ALERTS{alertstate="firing", alertname=~"Efir.*"}) or vector(0)'),
        "short",
        steps=rising(1, 3),
    ),
    figure(
        "Workers",
        "Workers that get on: they finish what they have, or have nothing to do.",
        Query("sum(efir_worker_healthy)"),
        "short",
        ["EfirNoWorker", "EfirWorkerStuck", "EfirTargetDown"],
        falling(1, 1),
        none="none",
    ),
    figure(
        "Workers lost (1 h)",
        "Workers that went away within the hour without saying so: killed, crashed or cut off.",
        Query("max(efir_workers_lost)"),
        "short",
        ["EfirWorkerLost"],
        rising(1, 3),
        none="no exporter",
    ),
    figure(
        "In quarantine",
        "Documents that were given up, until somebody replays or drops them.",
        Query("sum(stage:efir_quarantine_documents:max)"),
        "short",
        ["EfirQuarantineGrowing"],
        rising(1, 100),
    ),
    figure(
        "Broker",
        "Whether the exporter reaches the broker.",
        Query("max(efir_broker_up)"),
        "short",
        ["EfirBrokerDown", "EfirExporterAbsent"],
        _YES_IS_GOOD,
        texts={1: "up", 0: "DOWN"},
        none="no exporter",
    ),
    figure(
        "Store",
        "Whether the exporter reaches the object store.",
        Query("max(efir_store_up)"),
        "short",
        ["EfirStoreDown"],
        _YES_IS_GOOD,
        texts={1: "up", 0: "DOWN"},
        none="no exporter",
    ),
]

_FRESHNESS = [
    lines(
        "Live documents recorded within 5 minutes",
        "The service level, over three windows. Below the line the budget is spent faster than it lasts.",
        Query("1 - efir:live_late:ratio_rate5m", "5 minutes"),
        Query("1 - efir:live_late:ratio_rate1h", "1 hour"),
        Query("1 - efir:live_late:ratio_rate6h", "6 hours"),
        unit="percentunit",
        alerts=FRESH,
        steps=falling(0.95, SLO),
        floor=0.9,
        top=1,
    ),
    lines(
        "From admission to record, live",
        "Half, 95 % and 99 % of the live documents were recorded within this time. The objective is 5 minutes.",
        *quantiles("efir_record_age_seconds", 'lane="live"'),
        unit="s",
        alerts=FRESH,
        steps=rising(150, 300),
    ),
    lines(
        "Oldest live document by stage",
        "Age since its admission of the oldest live document that waits for a stage or is in its hands.",
        Query('stage_lane:efir_queue_oldest_seconds:max{lane="live"}', "{{stage}}"),
        unit="s",
        alerts=["EfirOldestDocument"],
        steps=rising(150, 300),
    ),
]

_WORK = [
    lines(
        "Records",
        "Records written per second, by lane.",
        Query(f"sum by (lane) (rate(efir_records_total{RATE}))", "{{lane}}"),
        unit="suffix: docs/s",
        alerts=["EfirNoProgress"],
        stacked=True,
    ),
    lines(
        "Documents on their way by stage",
        "Waiting or in hand, both lanes. Above the line nothing is admitted (EFIR_HIGH_WATER).",
        Query("sum by (stage) (stage_lane:efir_in_flight_documents:max)", "{{stage}}"),
        unit="short",
        alerts=["EfirNoProgress", "EfirIntakeClosed"],
        stacked=True,
    ),
    lines(
        "Live documents in and out",
        "Documents that come to parse, and records that are written. While more comes than goes, the backlog grows.",
        Query('max(efir_queue_arriving_documents_per_second{stage="parse", lane="live"})', "come"),
        Query(f'sum(rate(efir_records_total{{lane="live"}}{RATE}))', "recorded"),
        unit="suffix: docs/s",
        alerts=["EfirIntakeClosed"],
    ),
]

_FAILURES = [
    lines(
        "Given up, by stage",
        "Documents quarantined per second.",
        Query(f'sum by (stage) (rate(efir_documents_total{{outcome="quarantined"}}{RATE}))', "{{stage}}"),
        unit="suffix: docs/s",
        alerts=["EfirQuarantineGrowing", "EfirBreakerOpen"],
    ),
    lines(
        "Work done again",
        "Messages per second that had to wait and were tried again, came back from a lost worker, or were handed back.",
        Query(f"sum by (cause) (rate(efir_transient_errors_total{RATE}))", "{{cause}} was away"),
        Query(f"sum(rate(efir_redeliveries_total{RATE})) or vector(0)", "redelivered"),
        Query(f"sum(rate(efir_handed_back_messages_total{RATE})) or vector(0)", "handed back"),
        unit="suffix: msgs/s",
        alerts=["EfirRetryStorm"],
    ),
    lines(
        "Workers by stage",
        "Workers that serve a stage's live queue, and their processes.",
        Query('max by (stage) (efir_workers{lane="live"})', "{{stage}}"),
        Query('max by (stage) (efir_worker_processes{lane="live"})', "{{stage}}: processes"),
        unit="short",
        alerts=["EfirNoWorker"],
    ),
]


def board(runbooks: str) -> parts.Board:
    return parts.board(
        "overview",
        "Overview",
        "Freshness, throughput, backlog, failures and workers at a glance.",
        [],
        ANNOTATIONS,
        {"Now": _NOW, "Freshness": _FRESHNESS, "Throughput and backlog": _WORK, "Failures and workers": _FAILURES},
        runbooks=runbooks,
    )
