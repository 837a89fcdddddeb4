"""The forms a metric of the catalogue can have, and who exports it.

- counter, gauge, histogram: prometheus_client's, set by the process that measures, and exported by it. The processes of
  a worker share a folder (`share`), and their parent adds them up.
- reading: asked for when somebody scrapes, of the broker, the store, or the process itself.
- tally: counted by any process, also by a command that ends after a second, and kept in the broker; the exporter alone
  exports it, so that it is not multiplied by the number of processes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from billiard.process import current_process
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, values
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.metrics import MetricWrapperBase

from services.metrics.tally import Latest, Tally

Process = Literal["worker", "exporter", "api", "feeds", "dispatcher"]
Kind = Literal["counter", "gauge", "histogram"]
Mode = Literal["sum", "max"]  # how a gauge's values of several processes of a worker become one


@dataclass(frozen=True)
class Entry:
    """What the catalogue says of a metric. `name` is what is queried, with `_total` if it is a counter."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...]
    by: tuple[Process, ...]
    measured_by: MetricWrapperBase | Tally | Latest | None = None


@dataclass(frozen=True)
class Reading:
    """A metric that is read when it is asked for. `new` gives the family that one scrape fills."""

    name: str
    kind: Literal["counter", "gauge"]
    help: str
    labels: tuple[str, ...]

    def new(self) -> CounterMetricFamily | GaugeMetricFamily:
        family = CounterMetricFamily if self.kind == "counter" else GaugeMetricFamily
        return family(self.name, self.help, labels=self.labels)

    def of(self, value: float) -> Metric:
        """The family with one value, without labels."""
        family = self.new()
        family.add_metric([], value)
        return family


# A second series for each counter, of when it began: nobody here asks for it.
disable_created_metrics()  # type: ignore[no-untyped-call]
# What is set by processes; apart from the library's own registry, so that nothing is exported that is not listed.
REGISTRY = CollectorRegistry()


@dataclass
class Section:
    """A question that an operator has, and the metrics that answer it."""

    title: str
    text: str
    entries: list[Entry] = field(default_factory=list)

    def __post_init__(self) -> None:
        CATALOGUE.append(self)

    def counter(self, name: str, help: str, labels: Sequence[str], by: Sequence[Process] = ("worker",)) -> Counter:
        metric = Counter(name, help, labels, registry=REGISTRY)
        self._enter(f"{name}_total", "counter", help, labels, by, metric)
        return metric

    def gauge(
        self, name: str, help: str, labels: Sequence[str], mode: Mode = "sum", by: Sequence[Process] = ("worker",)
    ) -> Gauge:
        metric = Gauge(name, help, labels, multiprocess_mode=mode, registry=REGISTRY)
        self._enter(name, "gauge", help, labels, by, metric)
        return metric

    def histogram(
        self,
        name: str,
        help: str,
        labels: Sequence[str],
        buckets: Sequence[float],
        by: Sequence[Process] = ("worker",),
    ) -> Histogram:
        metric = Histogram(name, help, labels, buckets=buckets, registry=REGISTRY)
        self._enter(name, "histogram", help, labels, by, metric)
        return metric

    def reading(
        self,
        name: str,
        help: str,
        labels: Sequence[str] = (),
        kind: Literal["counter", "gauge"] = "gauge",
        by: Sequence[Process] = ("exporter",),
    ) -> Reading:
        self._enter(f"{name}_total" if kind == "counter" else name, kind, help, labels, by, None)
        return Reading(name, kind, help, tuple(labels))

    def tally(self, name: str, help: str, labels: Sequence[str]) -> Tally:
        tally = Tally(name, help, tuple(labels))
        self._enter(f"{name}_total", "counter", help, labels, ("exporter",), tally)
        return tally

    def latest(self, name: str, help: str, labels: Sequence[str]) -> Latest:
        latest = Latest(name, help, tuple(labels))
        self._enter(name, "gauge", help, labels, ("exporter",), latest)
        return latest

    def _enter(
        self,
        name: str,
        kind: Kind,
        help: str,
        labels: Sequence[str],
        by: Sequence[Process],
        metric: MetricWrapperBase | Tally | Latest | None,
    ) -> None:
        self.entries.append(Entry(name, kind, help, tuple(labels), tuple(by), metric))


CATALOGUE: list[Section] = []


def entries() -> Iterator[Entry]:
    for section in CATALOGUE:
        yield from section.entries


class Measured:
    """The metrics that a process of a kind sets itself. Of what it never sets, nothing is said."""

    def __init__(self, process: Process) -> None:
        mine = (each.measured_by for each in entries() if process in each.by)
        self._metrics = [metric for metric in mine if isinstance(metric, MetricWrapperBase)]

    def collect(self) -> Iterator[Metric]:
        for metric in self._metrics:
            yield from (family for family in metric.collect() if family.samples)


def share(folder: Path) -> None:
    """Keep the values of this process and of those it forks in `folder`, where the parent can add them up.

    Every metric that a worker measures has labels, so that none has a value before this is called.
    """
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    values.ValueClass = values.MultiProcessValue(process_identifier=_slot)  # type: ignore[no-untyped-call]


def _slot() -> str:
    """Which file a process writes to: its place in the pool, so that restarted children reuse their files.

    Named by process id, as is the default, the files of children that died would pile up for ever.
    """
    return f"pool{getattr(current_process(), 'index', 0)}" if current_process()._name != "MainProcess" else "main"
