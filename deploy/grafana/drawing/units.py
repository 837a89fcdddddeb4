"""Values as Grafana writes them, for the units the dashboards use (Grafana's names of units)."""

from __future__ import annotations

import math
from collections.abc import Callable

_SHORT = ((1e9, " Bil"), (1e6, " Mil"), (1e3, " K"))
_BYTES = ((2**40, " TiB"), (2**30, " GiB"), (2**20, " MiB"), (2**10, " KiB"))
_SECONDS = ((86400, " days"), (3600, " hours"), (60, " mins"))


def _scaled(value: float, scale: tuple[tuple[float, str], ...], rest: str) -> str:
    for least, suffix in scale:
        if abs(value) >= least:
            return f"{_digits(value / least)}{suffix}"
    return f"{_digits(value)}{rest}"


def _digits(value: float) -> str:
    """Three digits that matter."""
    if value == 0:
        return "0"
    places = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:.{min(places, 4)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _seconds(value: float) -> str:
    if value == 0:
        return "0 s"
    if abs(value) < 1e-3:
        return f"{_digits(value * 1e6)} µs"
    if abs(value) < 1:
        return f"{_digits(value * 1e3)} ms"
    return _scaled(value, _SECONDS, " s")


_UNITS: dict[str, Callable[[float], str]] = {
    "short": lambda value: _scaled(value, _SHORT, ""),
    "none": lambda value: _scaled(value, _SHORT, ""),
    "s": _seconds,
    "bytes": lambda value: _scaled(value, _BYTES, " B"),
    "Bps": lambda value: _scaled(value, _BYTES, " B").replace("B", "B/s"),
    "percentunit": lambda value: f"{_digits(value * 100)}%",
    "cps": lambda value: f"{_scaled(value, _SHORT, '')} c/s",
    "ops": lambda value: f"{_scaled(value, _SHORT, '')} ops/s",
    "reqps": lambda value: f"{_scaled(value, _SHORT, '')} req/s",
}


def written(value: float, unit: str) -> str:
    """`value` with its unit; a unit that is `suffix:TEXT` is put after the number."""
    if math.isnan(value):
        return "no value"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if unit.startswith("suffix:"):
        return f"{_scaled(value, _SHORT, '')} {unit.removeprefix('suffix:').strip()}"
    return _UNITS[unit](value)
