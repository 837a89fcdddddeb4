"""What odd texts of a megabyte cost: seconds of the processor and peak memory of all stages, one process a text.

Memory is bounded when the peak hardly depends on the text and its length: so each is compared with what a text of an
ordinary message's size takes (the first line). A text that is lost in part, or an exception, ends the bench.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time
from multiprocessing.connection import Connection

from tests.pipeline.stages.hard_texts import TEXTS

ORDINARY_CHARS = 40_000
# A document's own artifacts grow with it, and nothing else may: some 1,500 bytes a word.
MOST_GROWTH = 500_000_000
_LONGEST_SECONDS = 3_600


def read(name: str, length: int, pipe: Connection) -> None:
    from pipeline import graph
    from pipeline.models.bundle import installed
    from pipeline.models.evaluate.reading import Reader
    from tests.pipeline.stages.test_robustness import assert_nothing_is_lost

    reader = Reader(installed()["uk"])
    for stage in graph.STAGES:
        reader.stage(stage)
    started = time.process_time()
    (subject,) = reader.read([TEXTS[name](length)], *graph.STAGES)
    seconds = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    assert_nothing_is_lost(subject)
    pipe.send((seconds, peak, subject.parse.token_count, len(subject.parse.sentences)))


def run(name: str, length: int) -> int:
    """Print what the text takes; the peak in bytes."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=read, args=(name, length, theirs))
    process.start()
    theirs.close()
    if not ours.poll(_LONGEST_SECONDS):
        process.kill()
        raise SystemExit(f"{name}: not done after {_LONGEST_SECONDS} s")
    try:
        seconds, peak, tokens, sentences = ours.recv()
    except EOFError:
        raise SystemExit(f"{name}: failed, see above") from None
    process.join()
    print(
        f"{name:<28}{length:>10,} characters {tokens:>9,} tokens {sentences:>7,} sentences "
        f"{seconds:8.1f} s {peak / 1e6:7.0f} MB",
        flush=True,
    )
    return int(peak)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--characters", type=int, default=1_000_000)
    parser.add_argument("--text", choices=[*TEXTS], action="append", help="one of them; all when not said")
    options = parser.parse_args()
    ordinary = run("a mixture", ORDINARY_CHARS)
    peaks = {name: run(name, options.characters) for name in options.text or TEXTS}
    grown = {name: peak - ordinary for name, peak in peaks.items() if peak - ordinary > MOST_GROWTH}
    for name, growth in grown.items():
        print(f"{name}: {growth / 1e6:.0f} MB more than an ordinary text (at most {MOST_GROWTH / 1e6:.0f})")
    if grown:
        raise SystemExit("missed")


if __name__ == "__main__":
    main()
