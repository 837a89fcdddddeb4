"""What Grafana does with a dashboard before it draws: fill in the variables, ask Prometheus, name the series.

Used for the pictures in the documentation, and by the test that runs every panel's queries.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import httpx

_VARIABLE = re.compile(r"\$\{(\w+)\}|\$(\w+)")
_IN_LEGEND = re.compile(r"\{\{\s*(\w+)\s*\}\}")


class Place(NamedTuple):
    """On Grafana's grid: 24 columns, rows of 30 pixels with gaps of 8."""

    x: int
    y: int
    width: int
    height: int


class Query(NamedTuple):
    expr: str
    legend: str
    is_instant: bool


class Panel(NamedTuple):
    kind: str  # "timeseries", "stat", "bargauge", "table" or "row"
    title: str
    description: str
    unit: str
    place: Place
    queries: tuple[Query, ...]
    steps: tuple[tuple[float | None, str], ...]  # from which value on, which colour
    links: tuple[str, ...]
    defaults: Mapping[str, Any]  # Grafana's fieldConfig.defaults
    options: Mapping[str, Any]
    renamed: Mapping[str, str]  # a table's columns: label -> heading


class Series(NamedTuple):
    name: str
    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]  # (seconds since 1970, value)

    @property
    def last(self) -> float:
        return self.points[-1][1]


class QueryError(RuntimeError):
    """Prometheus refused a query, or does not answer."""


class Prometheus:
    """The part of Prometheus' HTTP interface that dashboards use: https://prometheus.io/docs/prometheus/2.42/querying/api/."""

    def __init__(self, address: str) -> None:
        self._client = httpx.Client(base_url=address, timeout=30)

    def get(self, path: str, **parameters: Any) -> Any:
        try:
            said = self._client.get(f"/api/v1/{path}", params=parameters).json()
        except (httpx.HTTPError, ValueError) as error:
            raise QueryError(f"Prometheus at {self._client.base_url} does not answer: {error}") from error
        if said["status"] != "success":
            raise QueryError(f"{said['errorType']}: {said['error']}: {parameters}")
        return said["data"]

    def instant(self, expr: str, at: float | None = None) -> list[Series]:
        """The value of `expr` now, or at a time; a scalar is one series without labels."""
        data = self.get("query", query=expr, **({} if at is None else {"time": at}))
        if data["resultType"] == "scalar":
            return [Series("", {}, (_point(data["result"]),))]
        return [Series("", each["metric"], (_point(each["value"]),)) for each in data["result"]]

    def range(self, expr: str, start: float, end: float, step: float) -> list[Series]:
        data = self.get("query_range", query=expr, start=start, end=end, step=step)
        return [Series("", each["metric"], tuple(map(_point, each["values"]))) for each in data["result"]]


def _point(pair: tuple[float, str]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])


def panels(board: Mapping[str, Any]) -> Iterator[Panel]:
    for panel in board["panels"]:
        defaults = panel.get("fieldConfig", {}).get("defaults", {})
        renamed: dict[str, str] = {}
        for step in panel.get("transformations", []):
            options = step["options"]
            renamed = {
                name: options["renameByName"][name]
                for name in sorted(options["indexByName"], key=options["indexByName"].get)
            }
        grid = panel["gridPos"]
        yield Panel(
            kind=panel["type"],
            title=panel["title"],
            description=panel.get("description", ""),
            unit=defaults.get("unit", ""),
            place=Place(grid["x"], grid["y"], grid["w"], grid["h"]),
            queries=tuple(
                Query(each["expr"], each.get("legendFormat", ""), each.get("instant", False))
                for each in panel.get("targets", [])
            ),
            steps=tuple((each["value"], each["color"]) for each in defaults.get("thresholds", {}).get("steps", [])),
            links=tuple(each["url"] for each in panel.get("links", [])),
            defaults=defaults,
            options=panel.get("options", {}),
            renamed=renamed,
        )


def variables(board: Mapping[str, Any]) -> dict[str, str]:
    """What the dashboard's variables are when "All" is chosen; of others, their first value has to be found."""
    values = {}
    for each in board["templating"]["list"]:
        if each["type"] == "constant":
            values[each["name"]] = each["query"]
        elif each.get("includeAll"):
            values[each["name"]] = each["allValue"]
    return values


def used(text: str) -> set[str]:
    """Names of the variables in an expression, a legend or an address; Grafana's own begin with `__`."""
    return {braced or bare for braced, bare in _VARIABLE.findall(text)}


def filled(expr: str, values: Mapping[str, str]) -> str:
    """`expr` with its variables; one without a value is an error."""

    def value(found: re.Match[str]) -> str:
        return values[found[1] or found[2]]

    return _VARIABLE.sub(value, expr)


def named(series: Series, legend: str) -> Series:
    if legend in {"", "__auto"}:
        labels = ", ".join(f"{key}={value}" for key, value in series.labels.items() if key != "__name__")
        return series._replace(name=labels or series.labels.get("__name__", "value"))
    return series._replace(name=_IN_LEGEND.sub(lambda found: series.labels.get(found[1], ""), legend))
