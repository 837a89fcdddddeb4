"""Fuzz every reader, or one, for so many seconds each. The exit status is 1 when a property was broken."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz import structured
from tests.fuzz.hostile import hostile
from tests.fuzz.properties import PropertyBroken, check_apart
from tests.fuzz.samples import SAMPLES


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    options.add_argument("--seconds", type=int, default=60, help="for each reader, beside the inputs made on purpose")
    options.add_argument("--reader", choices=SAMPLES, help="only this one")
    given = options.parse_args()
    broken = 0
    for reader in [given.reader] if given.reader else SAMPLES:
        print(f"{reader}", flush=True)
        broken += _on_purpose(reader)
        has_atheris = find_spec("atheris") is not None
        seconds = given.seconds / 2 if has_atheris else given.seconds
        broken += _told("structured", lambda reader=reader, seconds=seconds: _structured(reader, seconds))
        if has_atheris:
            broken += _told("coverage", lambda reader=reader, seconds=seconds: _covered(reader, int(seconds)))
        else:
            print("  coverage: atheris is not installed (pip install efir[fuzz])")
    print("nothing broke" if not broken else f"{broken} broken")
    return 1 if broken else 0


def _on_purpose(reader: str) -> int:
    sample = SAMPLES[reader]
    slowest, largest, broken, count = (0.0, ""), (0, ""), 0, 0
    for name, data in hostile(reader):
        count += 1
        try:
            seconds, grown = check_apart(data, sample.name, sample.data)
        except PropertyBroken as error:
            broken += 1
            print(f"  BROKEN by {name} ({len(data):,} bytes): {error}", flush=True)
            continue
        slowest, largest = max(slowest, (seconds, name)), max(largest, (grown, name))
    print(f"  on purpose: {count} inputs; slowest {slowest[0]:.2f} s ({slowest[1]})", end="")
    print(f", most memory {largest[0] / 1e6:.0f} MB ({largest[1]})", flush=True)
    return broken


def _told(what: str, run: Callable[[], str]) -> int:
    try:
        print(f"  {what}: {run()}", flush=True)
    except Exception:  # whatever a reader raised is what is looked for
        print(f"  BROKEN by {what}:")
        traceback.print_exc(file=sys.stdout)
        return 1
    return 0


def _structured(reader: str, seconds: float) -> str:
    return f"{structured.fuzz(SAMPLES[reader], seconds):,} files"


def _covered(reader: str, seconds: int) -> str:
    """libFuzzer's own words are kept where they say what broke."""
    folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{reader}-"))
    command = [sys.executable, "-m", "tests.fuzz.coverage", reader, str(max(seconds, 1)), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, timeout=seconds + 120)
    lines = done.stderr.splitlines()
    if done.returncode != 0:
        raise PropertyBroken("\n".join([*done.stdout.splitlines()[-15:], *lines[-15:], f"see {folder}"]))
    runs = next((line for line in lines if line.startswith("Done")), "done")
    return f"{runs}, {len(list(folder.iterdir()))} interesting files"


if __name__ == "__main__":
    sys.exit(main())
