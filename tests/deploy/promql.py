"""Which metrics an expression asks for. Enough of PromQL for our own expressions; Prometheus itself checks them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from services.metrics.forms import entries

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "rules"
# What Prometheus says itself, and what prometheus_client says of every process.
BUILT_IN = {"up", "ALERTS", "process_resident_memory_bytes"}
# Of Kubernetes' own metrics, those that an alert is about.
BUILT_IN |= {"kubelet_volume_stats_available_bytes", "kubelet_volume_stats_capacity_bytes"}
_SERIES_OF_HISTOGRAM = ("_bucket", "_sum", "_count")
_NO_METRICS = re.compile(
    r"""
    "[^"]*" | '[^']*'                                                   # strings
    | \{\{?[^{}]*\}?\}                                                  # matchers
    | \[[^\]]*\]                                                        # ranges
    | \b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)  # labels
    | \boffset\s+\w+
    | \$\w+
    """,
    re.VERBOSE,
)
_NAME = re.compile(r"[A-Za-z_:][\w:]*(?!\w|\s*\()")
_WORDS = {"and", "or", "unless", "bool", "by", "without", "on", "Inf", "NaN"}


def metrics(expr: str) -> set[str]:
    bare = _NO_METRICS.sub(" ", expr)
    return {name for name in _NAME.findall(bare) if name not in _WORDS}


@cache
def rules() -> list[dict[str, Any]]:
    files = [yaml.safe_load(path.read_text()) for path in sorted(RULES.glob("*.yml"))]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


def alerts() -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


@cache
def recorded() -> dict[str, str]:
    """Name -> expression."""
    return {rule["record"]: rule["expr"] for rule in rules() if "record" in rule}


@cache
def known() -> set[str]:
    """Names that a query may use: the catalogue's, what is recorded, what Prometheus brings."""
    names = set(recorded()) | BUILT_IN
    for entry in entries():
        names.add(entry.name)
        if entry.kind == "histogram":
            names |= {f"{entry.name}{suffix}" for suffix in _SERIES_OF_HISTOGRAM}
    return names


@cache
def measured(expr: str) -> set[str]:
    """The metrics behind an expression, recorded ones resolved, a histogram's series by its name."""
    found = set()
    for name in metrics(expr):
        if name in recorded():
            found |= measured(recorded()[name])
        else:
            found.add(re.sub("_(bucket|sum|count)$", "", name))
    return found
