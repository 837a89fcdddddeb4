"""What has to hold for any bytes: read or rejected with a reason, soon, in bounded memory."""

from __future__ import annotations

import contextlib
import io
import os
import re
import resource
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn

from pipeline import readers
from pipeline.cleaning import clean
from pipeline.readers import Hint, Limits, Rejected
from pipeline.transcript import Transcript

# Computing time: other programs on the machine are not the reader's fault.
SECONDS_PER_MB = 5.0
# Growth of the process's peak resident memory, as the kernel counts it, over what it had when it was ready to read.
MEMORY_TIMES_INPUT = 50
# What the interpreter, its allocator and the libraries take whatever the input is.
MEMORY_ALLOWED = 64_000_000
_REASON = re.compile(r"[a-z]+(-[a-z]+)*")


class PropertyBroken(AssertionError):
    pass


def check(data: bytes, name: str) -> None:
    """Read the data as a file of that name. Raises PropertyBroken, or whatever a reader should not have raised."""
    started = time.process_time()
    for found in readers.read(io.BytesIO(data), Hint(name=name), Limits()):
        if isinstance(found, Rejected):
            _require(bool(_REASON.fullmatch(found.reason)), f"a reason that cannot be counted: {found.reason!r}")
            _require(0 < len(found.explanation) < 2_000, f"an explanation of {len(found.explanation)} characters")
        else:
            _check_transcript(found)
            _check_transcript(clean(found))
    seconds = time.process_time() - started
    allowed = SECONDS_PER_MB * max(1.0, len(data) / 1_000_000)
    _require(seconds < allowed, f"{seconds:.1f} s for {len(data):,} bytes")


def _check_transcript(found: Transcript) -> None:
    _require(bool(found.format), "no format")
    _require("\r" not in found.text, "a line end that is no line feed")
    end = 0
    for segment in found.segments:
        _require(end <= segment.start <= segment.end <= len(found.text), f"{segment} after {end}")
        end = segment.end
        if segment.begins is not None and segment.ends is not None:
            _require(0 <= segment.begins <= segment.ends, f"{segment} ends before it begins")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise PropertyBroken(otherwise)


def check_apart(data: bytes, name: str, sample: bytes) -> tuple[float, int]:
    """The same in a process of its own, with its memory; returns seconds and bytes of growth. Raises PropertyBroken.

    The process reads the sample first, so that what is loaded once does not count.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _run_apart(data, name, sample, writing)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise PropertyBroken(said or f"the process ended with {os.waitstatus_to_exitcode(status)}: it hung or crashed")
    seconds, grown = said.split()
    allowed = MEMORY_TIMES_INPUT * len(data) + MEMORY_ALLOWED
    _require(int(grown) < allowed, f"{int(grown):,} bytes of memory for {len(data):,} bytes")
    return float(seconds), int(grown)


def _run_apart(data: bytes, name: str, sample: bytes, writing: int) -> NoReturn:
    with os.fdopen(writing, "w") as pipe:
        try:
            check(sample, name)
            # The kernel ends it, also when a library written in C never comes back: by its computing time, and by the
            # clock only when it does not compute at all.
            allowed = SECONDS_PER_MB * max(1.0, len(data) / 1_000_000)
            signal.signal(signal.SIGPROF, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_PROF, 2 * allowed)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(int(60 * allowed))
            before, started = _peak_from_now(), time.process_time()
            check(data, name)
            seconds = time.process_time() - started
            pipe.write(f"{seconds} {_peak() - before}")
        except BaseException as error:  # whatever it is, the other process tells
            pipe.write(f"{type(error).__name__}: {str(error)[:300]}")
            pipe.flush()
            os._exit(1)
    os._exit(0)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _peak_from_now() -> int:
    """The memory now. Linux forgets the peak until now, which is that of the sample, when it is asked to."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _peak()
