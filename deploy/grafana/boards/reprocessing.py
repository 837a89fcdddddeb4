"""Campaigns and lanes: how far reprocessing is, and whether live documents suffer from it."""

from __future__ import annotations

from deploy.grafana.boards import parts
from deploy.grafana.boards.common import ANNOTATIONS, LANE
from deploy.grafana.boards.parts import Query, bars, falling, figure, lines, rising, rows
from deploy.grafana.boards.queries import RATE, quantiles

_REMAINING = "max by (campaign) (efir_campaign_remaining_documents)"
_SPEED = "max by (campaign) (efir_campaign_documents_per_second)"
_PLANNED = "max by (campaign) (efir_campaign_planned_documents)"
_DONE = "max by (campaign) (efir_campaign_done_documents)"
_FAILED = "max by (campaign) (efir_campaign_failed_documents)"
# Infinite when nothing came to an end in the last minute: a campaign that stands still is under way all the same.
_ENDS_IN = f"({_REMAINING} > 0) / {_SPEED}"

_NOW = [
    figure(
        "Campaigns under way",
        "Running and paused ones. One that is done or cancelled is not counted any more.",
        Query("sum(max by (status) (efir_campaigns))"),
        "short",
    ),
    figure(
        "Dispatcher",
        "Whether a dispatcher feeds the replay lane.",
        Query("max(efir_dispatcher_active)"),
        "short",
        ["EfirDispatcherGone"],
        falling(0.5, 1),
        texts={1: "active", 0: "ABSENT"},
        none="no exporter",
    ),
    figure(
        "Remaining",
        "Documents that campaigns still have to do.",
        Query(f"sum({_REMAINING}) or vector(0)"),
        "short",
    ),
    figure(
        "Speed",
        "Documents of campaigns that came to an end per second, mean of the last minute.",
        Query(f"sum({_SPEED}) or vector(0)"),
        "suffix: docs/s",
    ),
    figure(
        "Ends in",
        "When the campaign that takes longest is done, if all goes on as in the last minute; ∞ if it stands still.",
        Query(f"max({_ENDS_IN})"),
        "s",
        none="none under way",
        instant=True,
    ),
    figure(
        "Failed",
        "Documents that campaigns brought to quarantine.",
        Query(f"sum({_FAILED}) or vector(0)"),
        "short",
        ["EfirQuarantineGrowing"],
        rising(1, 100),
    ),
]

_CAMPAIGNS = [
    bars(
        "Done",
        "Share of each campaign's plan that is done or failed.",
        Query(f"({_DONE} + {_FAILED}) / ({_PLANNED} > 0)", "{{campaign}}"),
        "percentunit",
    ),
    lines(
        "Remaining",
        "Documents that a campaign still has to do.",
        Query(_REMAINING, "{{campaign}}"),
        unit="short",
    ),
    lines(
        "Speed",
        "Documents of a campaign that came to an end per second.",
        Query(_SPEED, "{{campaign}}"),
        unit="suffix: docs/s",
    ),
    lines(
        "Campaigns by status",
        "Planning, running and paused ones.",
        Query("max by (status) (efir_campaigns)", "{{status}}"),
        unit="short",
        stacked=True,
    ),
    rows(
        "Ends in",
        "Time until a campaign is done, if all goes on as in the last minute; ∞ if it stands still.",
        Query(_ENDS_IN),
        "s",
        {"campaign": "Campaign", "Value": "Ends in"},
    ),
    lines(
        "Since the dispatcher wrote",
        "Age of what the dispatcher last wrote down of a campaign. It grows while none is active.",
        Query("time() - max by (campaign) (efir_campaign_updated_timestamp_seconds)", "{{campaign}}"),
        unit="s",
    ),
]

_LANES = [
    lines(
        "Work by lane",
        "Documents a second that all stages were asked for, by lane.",
        Query(f'sum by (lane) (rate(efir_documents_total{{lane=~"$lane"}}{RATE}))', "{{lane}}"),
        unit="suffix: docs/s",
        stacked=True,
    ),
    lines(
        "On their way by lane",
        "Documents that wait or are in hand.",
        Query('lane:efir_in_flight_documents:sum{lane=~"$lane"}', "{{lane}}"),
        unit="short",
        alerts=["EfirNoProgress"],
    ),
    lines(
        "Oldest by lane",
        "Age of the oldest document: of a live one since its admission, of a replayed one since it was enqueued.",
        Query('max by (lane) (stage_lane:efir_queue_oldest_seconds:max{lane=~"$lane"})', "{{lane}}"),
        unit="s",
        alerts=["EfirOldestDocument"],
        steps=rising(150, 300),
    ),
    lines(
        "To record",
        "Time from admission (replay: from being enqueued) to the record, of the chosen lanes.",
        *quantiles("efir_record_age_seconds", 'lane=~"$lane"'),
        unit="s",
        alerts=["EfirFreshnessFastBurn", "EfirFreshnessSlowBurn"],
    ),
    lines(
        "Wait in the queue by lane",
        "95 % of the messages lay no longer in their queue.",
        Query(
            "histogram_quantile(0.95, sum by (le, lane) "
            f'(rate(efir_queue_wait_seconds_bucket{{lane=~"$lane"}}{RATE})))',
            "{{lane}}",
        ),
        unit="s",
    ),
    lines(
        "What was there already",
        "Documents a second whose artifact existed: a campaign over what is not stale, or work done twice.",
        Query(f'sum by (stage) (rate(efir_documents_total{{lane=~"$lane", outcome="present"}}{RATE}))', "{{stage}}"),
        unit="suffix: docs/s",
    ),
]


def board(runbooks: str) -> parts.Board:
    return parts.board(
        "reprocessing",
        "Reprocessing",
        "Campaigns, and how the replay lane and the live one get on with each other.",
        [LANE],
        ANNOTATIONS,
        {"Now": _NOW, "Campaigns": _CAMPAIGNS, "Lanes": _LANES},
        runbooks=runbooks,
    )
