"""What the processes of a worker use, from /proc; where there is none, nothing is said."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from prometheus_client.core import Metric

from services import metrics

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Processes:
    """`pids`: name (`main`, `pool0`, ...) -> process id, of the processes that are there now."""

    def __init__(self, pids: Callable[[], Mapping[str, int]]) -> None:
        self._pids = pids

    def collect(self) -> Iterator[Metric]:
        readings = [
            (metrics.cost.process_cpu.new(), cpu_seconds),
            (metrics.cost.process_resident.new(), resident_bytes),
            (metrics.cost.process_proportional.new(), _proportional_bytes),
            (metrics.cost.process_descriptors.new(), _descriptors),
            (metrics.cost.process_descriptors_limit.new(), _most_descriptors),
        ]
        for name, pid in self._pids().items():
            for family, read in readings:
                try:
                    family.add_metric([name], read(pid))
                except (OSError, ValueError):  # it ended meanwhile, or the kernel does not say
                    continue
        yield from (family for family, _ in readings)


def cpu_seconds(pid: int) -> float:
    """User and system time (proc(5), /proc/pid/stat fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


def _proportional_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise ValueError("no Pss")


def _descriptors(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def _most_descriptors(pid: int) -> float:
    for line in Path(f"/proc/{pid}/limits").read_text().splitlines():
        if line.startswith("Max open files"):
            return float(line.split()[3].replace("unlimited", "inf"))
    raise ValueError("no limit")
