"""PromQL that several panels share.

What the exporter says is the same from each exporter, so it is taken by `max`; what workers say is added up.
"""

from __future__ import annotations

from collections.abc import Sequence

from deploy.grafana.boards.parts import Query

RATE = "[$__rate_interval]"
SLO = 0.99  # share of live documents recorded within five minutes: deploy/prometheus/rules/efir-recording.yml


def rate(counter: str, by: str, matchers: str = "") -> str:
    """Per second, added up over workers."""
    return f"sum by ({by}) (rate({counter}{{{matchers}}}{RATE}))"


def tallied(counter: str, by: str = "", matchers: str = "") -> str:
    """Per second, of what the exporter counts for the whole installation."""
    return f"sum by ({by}) (max without (instance, pod) (rate({counter}{{{matchers}}}{RATE})))"


def grown(counter: str, by: str = "", matchers: str = "", window: str = "[1h]") -> str:
    """How much a count of the exporter grew in a window; rounded, as Prometheus computes what lies between scrapes."""
    return f"round(sum by ({by}) (max without (instance, pod) (increase({counter}{{{matchers}}}{window}))))"


def quantiles(
    histogram: str, matchers: str = "", of: Sequence[float] = (0.5, 0.95, 0.99), window: str = RATE
) -> list[Query]:
    return [
        Query(
            f"histogram_quantile({q:g}, sum by (le) (rate({histogram}_bucket{{{matchers}}}{window})))", f"{100 * q:g}%"
        )
        for q in of
    ]


def mean(histogram: str, by: str, matchers: str = "") -> str:
    return (
        f"sum by ({by}) (rate({histogram}_sum{{{matchers}}}{RATE})) "
        f"/ sum by ({by}) (rate({histogram}_count{{{matchers}}}{RATE}))"
    )


def appeared(labels: str, metric: str) -> str:
    """Has a value for five minutes where a combination of labels is new."""
    return f"count by ({labels}) ({metric}) unless count by ({labels}) ({metric} offset 5m)"
