"""Half an hour at four fifths of what the machine can do, and what Prometheus says of it: `make soak [DURATION=1800]`.

First, for two minutes, more waits than can be done: what is recorded then is the capacity. Then 80 % of it is sent, and
at the end Prometheus is asked, not the processes: is each process's memory flat, do descriptors leak, were the records
fresh, did an alert fire. Prints a table, writes a summary, and ends with 1 when something is not as it should be.

On a machine that has other work the two minutes may be better or worse than the half hour. `RATE=documents a second`
then says what to send; what was recorded of a load that was too much is what that half hour could do.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
from rich.console import Console
from rich.table import Table

from deploy.grafana.drawing.evaluation import Prometheus
from services.broker import Lane
from tests.system.observed import Observed
from tests.system.rig import until

_SCRAPE = 5.0
_SHARE = 0.8
_CAPACITY_SECONDS = 120.0
_WARM_UP_SECONDS = 30.0  # of these: caches of words, the first full batches
_AHEAD = 400  # documents that wait while the capacity is measured: full batches for every process
# The first third fills caches and the allocator's arenas; what grows after it, grows for ever.
_SETTLED = 2 / 3
# By least squares over the settled part. What an allocator does from minute to minute is of this size.
_MOST_GROWTH = 0.02
_MOST_GROWTH_BYTES = 4 * 2**20
_MOST_DESCRIPTORS = 3.0
_OBJECTIVE = 0.99
_NEAR = 0.05  # how far the load may be from what was asked for

_MEMORY = {
    "efir_process_resident_memory_bytes": "efir-worker {instance} {process}",
    'process_resident_memory_bytes{job=~"efir-.*", job!="efir-worker"}': "{job} {instance}",
    "efir_broker_memory_resident_bytes": "broker",
}
_DESCRIPTORS = {
    "efir_process_open_fds": "efir-worker {instance} {process}",
    'process_open_fds{job=~"efir-.*", job!="efir-worker"}': "{job} {instance}",
}


class Check(msgspec.Struct):
    """One thing that has to hold, in words that stand in a table."""

    what: str
    measured: str
    allowed: str
    is_good: bool


class Summary(msgspec.Struct):
    seconds: float
    cores: int
    capacity: float  # documents a second
    sent: float  # documents a second
    recorded: float  # documents a second
    fresh: float  # share recorded within five minutes
    seconds_to_record: dict[str, float]  # quantile -> seconds
    cpu_seconds_per_document: dict[str, float]  # stage -> seconds
    stored_bytes_per_document: dict[str, float]  # top folder -> bytes
    memory: dict[str, float]  # process -> bytes at the end
    memory_growth: dict[str, float]  # process -> bytes over the settled part
    broker_memory: float
    checks: list[Check]


class Asked:
    """Questions about the time of the load, put to Prometheus."""

    def __init__(self, api: Prometheus, start: float, end: float) -> None:
        self._api = api
        self.end = end
        self.window = f"{end - start:.0f}s"
        self.settled_seconds = (end - start) * _SETTLED
        self.settled = f"{self.settled_seconds:.0f}s"

    def by(self, expr: str, name: str) -> dict[str, float]:
        found = self._api.instant(expr, self.end)
        return {name.format(**series.labels): series.last for series in found}

    def one(self, expr: str) -> float:
        found = self._api.instant(expr, self.end)
        return found[0].last if found else float("nan")

    def grown(self, metric: str, name: str) -> dict[str, float]:
        """How much it grew over the settled part, by the slope of least squares (`deriv`)."""
        return self.by(f"deriv({metric}[{self.settled}]) * {self.settled_seconds}", name)


def capacity(observed: Observed) -> float:
    """Documents a second, while more waits than can be done."""
    begun = time.monotonic()
    started: tuple[float, float] | None = None
    while (passed := time.monotonic() - begun) < _CAPACITY_SECONDS:
        if started is None and passed >= _WARM_UP_SECONDS:
            started = time.time(), _records(observed)
        if observed.rig.queues.documents([Lane.LIVE]) < _AHEAD:
            observed.send(observed.more(100))
        else:
            time.sleep(0.1)
    assert started is not None
    return (_records(observed) - started[1]) / (time.time() - started[0])


def _records(observed: Observed) -> float:
    """Read of the workers themselves: a scrape may be some seconds old."""
    lines = [
        line
        for target in observed.workers()
        for line in httpx.get(f"http://{target}/metrics").text.splitlines()
        if line.startswith("efir_records_total{")
    ]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def checks(asked: Asked, rate: float) -> Iterator[Check]:
    memory = {key: value for metric, name in _MEMORY.items() for key, value in asked.by(metric, name).items()}
    for metric, name in _MEMORY.items():
        for process, grown in sorted(asked.grown(metric, name).items()):
            most = max(_MOST_GROWTH_BYTES, _MOST_GROWTH * memory[process])
            yield Check(
                f"memory of {process}", f"{memory[process] / 2**20:.0f} MiB, {grown / 2**20:+.1f}",
                f"+{most / 2**20:.1f} MiB", grown <= most,
            )  # fmt: skip
    for metric, name in _DESCRIPTORS.items():
        for process, grown in sorted(asked.grown(metric, name).items()):
            yield Check(
                f"descriptors of {process}", f"{grown:+.1f}", f"+{_MOST_DESCRIPTORS:g}", grown <= _MOST_DESCRIPTORS
            )
    fresh = asked.one(_fresh(asked.window))
    yield Check("recorded within 5 minutes", f"{fresh:.2%}", f"{_OBJECTIVE:.0%}", fresh >= _OBJECTIVE)
    sent = asked.one(f"sum(rate(efir_api_documents_total[{asked.window}]))")
    yield Check(
        "sent, documents a second", f"{sent:.1f}", f"{rate:.1f} ± {_NEAR:.0%}", abs(sent - rate) <= _NEAR * rate
    )
    fired = asked.by(f'count_over_time(ALERTS{{alertstate="firing"}}[{asked.window}])', "{alertname}")
    yield Check("alerts that fired", ", ".join(sorted(fired)) or "none", "none", not fired)
    quarantined = asked.one("sum(max by (stage) (efir_quarantine_documents))")
    yield Check("quarantined", f"{quarantined:g}", "0", quarantined == 0)
    left = asked.one("sum(lane:efir_in_flight_documents:sum)")
    most_left = 30 * rate
    yield Check("on their way at the end", f"{left:g}", f"{most_left:.0f}, half a minute's", left <= most_left)


def _fresh(window: str) -> str:
    within, all_of_them = (
        f"sum(increase(efir_record_age_seconds_{series}[{window}]))"
        for series in ('bucket{lane="live", le="300.0"}', 'count{lane="live"}')
    )
    return f"{within} / {all_of_them}"


def summarise(asked: Asked, seconds: float, capacity: float, rate: float) -> Summary:
    window = asked.window
    buckets = f'sum by (le) (increase(efir_record_age_seconds_bucket{{lane="live"}}[{window}]))'
    records = f"scalar(sum(increase(efir_records_total[{window}])))"
    growth = {key: value for metric, name in _MEMORY.items() for key, value in asked.grown(metric, name).items()}
    return Summary(
        seconds=seconds,
        cores=len(os.sched_getaffinity(0)),
        capacity=capacity,
        sent=rate,
        recorded=asked.one(f"sum(rate(efir_records_total[{window}]))"),
        fresh=asked.one(_fresh(window)),
        seconds_to_record={f"{q:g}": asked.one(f"histogram_quantile({q}, {buckets})") for q in (0.5, 0.95, 0.99)},
        cpu_seconds_per_document=asked.by(
            f"sum by (stage) (increase(efir_stage_cpu_seconds_total[{window}])) / {records}", "{stage}"
        ),
        stored_bytes_per_document=asked.by(
            f"sum by (folder) (increase(efir_store_written_bytes_total[{window}])) / {records}", "{folder}"
        ),
        memory={key: value for metric, name in _MEMORY.items() for key, value in asked.by(metric, name).items()},
        memory_growth=growth,
        broker_memory=asked.one("max(efir_broker_memory_used_bytes)"),
        checks=list(checks(asked, rate)),
    )


def table(summary: Summary) -> Table:
    title = (
        f"{summary.seconds:.0f} s on {summary.cores} cores: capacity {summary.capacity:.1f} documents/s, "
        f"load {summary.sent:.1f}/s, recorded {summary.recorded:.1f}/s"
    )
    made = Table(title=title, title_justify="left")
    for column in ("", "measured", "allowed", ""):
        made.add_column(column)
    for check in summary.checks:
        made.add_row(check.what, check.measured, check.allowed, "good" if check.is_good else "[red]NOT GOOD[/]")
    ages = ", ".join(f"{float(q):.0%} {seconds:.1f} s" for q, seconds in summary.seconds_to_record.items())
    costs = ", ".join(f"{stage} {1000 * s:.0f}" for stage, s in sorted(summary.cpu_seconds_per_document.items()))
    stored = sum(summary.stored_bytes_per_document.values())
    made.caption = f"to record: {ages}\nCPU ms a document: {costs}\nstored a document: {stored / 1024:.1f} KiB"
    made.caption_justify = "left"
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description="A steady load, judged by Prometheus.")
    parser.add_argument("--duration", type=float, default=1800, help="seconds of the load")
    parser.add_argument("--rate", type=float, help="documents a second; without it, four fifths of the capacity")
    parser.add_argument("--summary", type=Path, help="where the figures are written, as JSON")
    chosen = parser.parse_args()
    console = Console(width=120)
    with (
        tempfile.TemporaryDirectory() as folder,
        Observed(Path(folder), scrape_seconds=_SCRAPE, store_timeout=10.0) as observed,
    ):
        most = capacity(observed)
        until(lambda: not observed.rig.queues.documents(), 240, "the backlog being worked off")
        rate = chosen.rate or _SHARE * most
        console.print(f"capacity {most:.1f} documents/s; {rate:.1f}/s for {chosen.duration:.0f} s")
        start = time.time()
        observed.load(chosen.duration, rate).join()
        end = time.time()
        summary = summarise(Asked(observed.prometheus.api, start, end), chosen.duration, most, rate)
    console.print(table(summary))
    if chosen.summary:
        chosen.summary.parent.mkdir(parents=True, exist_ok=True)
        chosen.summary.write_bytes(msgspec.json.format(msgspec.json.encode(summary)) + b"\n")
    sys.exit(not all(check.is_good for check in summary.checks))


if __name__ == "__main__":
    main()
