"""This machine: memory and cores for the processes of a worker, disk, ports, descriptors, threads."""

from __future__ import annotations

import os
import resource
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

from services.checks.finding import Finding, failed, ok, warning
from services.settings import Settings

# The most a worker process took, and what the embedded servers take (docs/performance.md).
PROCESS_BYTES = 950_000_000
EMBEDDED_BYTES = 300_000_000
# The store stops writing when its disk is nearly full; until somebody looks, a day's documents should find room.
_LEAST_FREE_BYTES, _FEW_FREE_BYTES = 1_000_000_000, 10_000_000_000
# The embedded store has some ninety open when idle and one more a connection; the API one a caller.
_LEAST_FILES, _FEW_FILES = 256, 1024
_CGROUP = Path("/sys/fs/cgroup")


def check_machine(settings: Settings, *, is_embedded: bool) -> Iterator[Finding]:
    yield _memory(settings, is_embedded)
    yield _cores(settings)
    yield _threads()
    yield _files()
    yield _disk(settings, is_embedded)
    yield from _ports(settings)


def _memory(settings: Settings, is_embedded: bool) -> Finding:
    processes = concurrency(settings)
    needed = processes * PROCESS_BYTES + (EMBEDDED_BYTES if is_embedded else 0)
    there, free = memory()
    said = f"{processes} processes take up to {needed / 1e9:.1f} GB; there are {there / 1e9:.1f}, free {free / 1e9:.1f}"
    todo = "lower EFIR_CONCURRENCY or give the worker more memory"
    if there < needed:
        return failed("memory", said, f"{todo}: the kernel would kill it")
    if free < needed:
        return warning("memory", said, f"{todo}, unless it is this worker that takes it already")
    return ok("memory", said)


def _cores(settings: Settings) -> Finding:
    processes, there = concurrency(settings), cores()
    said = f"{processes} processes for {there:g} cores"
    if processes > there + 0.5:
        return warning("cores", said, f"set EFIR_CONCURRENCY={max(1, int(there))}: more only wait for one another")
    return ok("cores", said)


def _threads() -> Finding:
    """A worker process computes in one thread (pipeline/models/neural.py), whatever the environment says."""
    import torch  # noqa: PLC0415 (seconds, and only here)

    from pipeline.models import neural  # noqa: PLC0415, F401 (sets it)

    threads = torch.get_num_threads()
    if threads != 1:
        return warning("torch", f"{threads} threads a process", "unset OMP_NUM_THREADS and MKL_NUM_THREADS")
    return ok("torch", f"{torch.__version__.split('+')[0]}, one thread a process")


def _files() -> Finding:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= _FEW_FILES:
        return ok("open files", f"up to {'any number of' if soft == resource.RLIM_INFINITY else f'{soft:,}'} a process")
    todo = f"ulimit -n {_FEW_FILES}, or LimitNOFILE= in the unit"
    return (failed if soft < _LEAST_FILES else warning)("open files", f"up to {soft:,} a process (ulimit -n)", todo)


def _disk(settings: Settings, is_embedded: bool) -> Finding:
    folder = settings.state.absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    said = f"{free / 1e9:.1f} GB are free in {folder}"
    if not is_embedded:
        return ok("disk", f"{said}; broker and store have their own")
    if free < _LEAST_FREE_BYTES:
        return failed("disk", said, "make room: the store refuses to write, and everything waits")
    if free < _FEW_FREE_BYTES:
        return warning("disk", said, "make room, or move the state (EFIR_STATE); see Storage in docs/operations.md")
    return ok("disk", said)


def _ports(settings: Settings) -> Iterator[Finding]:
    """Every port that is named in the settings; 0 is any free one."""
    values = dict(settings)
    for name in (name for name in values if name.endswith("_port") and values[name]):
        host = str(values.get(f"{name.removesuffix('_port')}_host", "127.0.0.1"))
        said = f"{host}:{values[name]} (EFIR_{name.upper()})"
        try:
            with socket.create_server((host, values[name])):
                yield ok("ports", f"{said} is free")
        except OSError as error:
            todo = "leave it if it is Efir that listens there; else choose another port, or 0 for any"
            yield warning("ports", f"{said} is taken or not ours: {error.strerror}", todo)


def concurrency(settings: Settings) -> int:
    return settings.concurrency or len(os.sched_getaffinity(0))


def cores() -> float:
    """What this process may use: its cores, or less where a container has a quota of time."""
    there = float(len(os.sched_getaffinity(0)))
    quota = _read(_CGROUP / "cpu.max").split()
    if len(quota) == 2 and quota[0] != "max":
        return min(there, int(quota[0]) / int(quota[1]))
    return there


def memory() -> tuple[int, int]:
    """Bytes this machine, or this container, has, and how many of them are free."""
    lines = (line.split() for line in _read(Path("/proc/meminfo")).splitlines())
    told = {words[0].rstrip(":"): int(words[1]) * 1024 for words in lines if len(words) > 1}
    there, free = told.get("MemTotal", 0), told.get("MemAvailable", 0)
    limit = _read(_CGROUP / "memory.max").strip()
    if limit.isdigit() and int(limit) < there:
        counted = dict(line.split() for line in _read(_CGROUP / "memory.stat").splitlines())
        # What files are remembered goes when it is needed for something else.
        used = int(_read(_CGROUP / "memory.current") or 0) - int(counted.get("inactive_file", 0))
        there, free = int(limit), max(0, min(free, int(limit) - used))
    return there, free


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
