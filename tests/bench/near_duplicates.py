"""What near-duplicates are found, what is taken for one, and what looking costs. `make bench-near`.

Real texts are edited as editors do (tests/bench/edits.py). On one half of them the shingle, the threshold, the size of
a signature and its bands can be compared; the other half is what is reported, through the window in a real broker.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from rensa import RMinHash

from pipeline import likeness
from services import broker
from services.embedded import Embedded
from services.near_duplicates import KEYS, Window
from services.settings import Settings
from tests.bench.edits import EDITS, Pair, Text, copies, flash, load, strangers, words

THRESHOLDS = (0.2, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7)
LEAST_RECALL = 0.95  # of these edits, of texts of 150 words and more
MOST_WRONG = 0.005
NAMED = ("a paragraph dropped", "the lead changed (1-3 sentences)", "paragraphs in another order")
_LENGTHS = (50, 150, 400, 1000)  # words
_SMALL = 10_000  # entries of the windows in which the loss by overwriting is measured; it depends on the share alone


def heading(text: str) -> None:
    print(f"\n{text}\n", flush=True)


def row(name: str, cells: Sequence[object], width: int = 7) -> None:
    print(f"{name:50}" + "".join(f"{cell:>{width}}" for cell in cells), flush=True)


def percent(share: float) -> str:
    return f"{100 * share:.1f}"


# The half for choosing


@cache
def grams(text: str, size: int) -> frozenset[str]:
    """Shingles of `size` words; those of 2 are the product's own."""
    found = likeness.words(text)
    return frozenset(" ".join(each) for each in zip(*(found[at:] for at in range(size)), strict=False))


def jaccard(pair: Pair, size: int) -> float:
    first, second = grams(pair.first, size), grams(pair.second, size)
    return len(first & second) / max(1, len(first | second))


def choose(pairs: Sequence[Pair]) -> None:
    named = [pair for pair in pairs if pair.is_copy]
    others = [pair for pair in pairs if not pair.is_copy]
    heading(f"Exact similarity: % of {len(named):,} copies, and of {len(others):,} strangers, at a threshold or above")
    row("shingle", [f"{at:.2f}" for at in THRESHOLDS])
    for size in (1, 2, 3, 4):
        for name, group in (("copies", named), ("strangers", others)):
            values = np.array([jaccard(pair, size) for pair in group])
            row(f"{size} words, {name}", [f"{100 * np.mean(values >= at):.2f}" for at in THRESHOLDS])
        grams.cache_clear()
    heading("Strangers' similarity, shingles of 2 words: quantiles 0.5, 0.99, 0.999 and the most")
    by_kind = defaultdict(list)
    for pair in others:
        by_kind[pair.kind].append(jaccard(pair, 2))
    for name, values in by_kind.items():
        row(f"{name} ({len(values):,} pairs)", [f"{x:.3f}" for x in np.quantile(values, (0.5, 0.99, 0.999, 1))])
    sizes(named[:3000])


def short_passages(texts: Sequence[Text]) -> None:
    """Formulas open and close addresses and reports: how long does a passage have to be to be told by the rest?"""
    lengths = (10, 15, 20, 30, 40, 50)
    heading("Passages of different texts: % of pairs of a similarity of 0.4 or more, by their number of words")
    row("", lengths)
    for kind in ("address", "contracts"):
        found = [likeness.words(each.text) for each in texts if each.kind == kind]
        for name, passage in (("first", slice(None)), ("last", slice(None, None, -1))):
            cells = []
            for length in lengths:
                sets = [set(pairwise(each[passage][:length])) for each in found]
                shares = [len(a & b) / len(a | b) for a, b in combinations(sets, 2)]
                cells.append(f"{100 * np.mean(np.array(shares) >= 0.4):.3f}")
            row(f"{name} words, {kind}", cells)


def sizes(pairs: Sequence[Pair]) -> None:
    """Signatures of several sizes and bits, and ways to cut them into bands."""
    truths = np.array([jaccard(pair, 2) for pair in pairs])
    digests = {}
    for count in (64, 128, 256):
        digests[count] = [np.array([_digest(text, count) for text in pair[1:3]]) for pair in pairs]
    heading(f"Error of the estimate over {len(pairs):,} copies: root mean square; bytes of a signature")
    row("permutations", ["8 bits", "bytes", "16 bits", "bytes", "32 bits", "bytes"], 9)
    for count, found in digests.items():
        cells: list[object] = []
        for bits in (8, 16, 32):
            chance = 2.0**-bits
            equal = np.array([np.mean(a % (1 << bits) == b % (1 << bits)) for a, b in found])
            estimates = (equal - chance) / (1 - chance)
            cells += [f"{np.sqrt(np.mean((estimates - truths) ** 2)):.4f}", count * bits // 8]
        row(str(count), cells, 9)
    heading(
        "% of copies that share a band, by their true similarity; bytes a document in the table (18-bit slots, 2 W)"
    )
    edges = ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (0.6, 1.01))
    row("permutations, bands x rows", [*(f"{low}-{min(high, 1):.1f}" for low, high in edges), "bytes"], 9)
    for count, bands, rows in ((64, 21, 3), (128, 64, 2), (128, 42, 3), (128, 32, 4), (256, 85, 3), (256, 64, 4)):
        shared = np.array([_shares_band(a % 256 == b % 256, bands, rows) for a, b in digests[count]])
        cells = [percent(shared[(truths >= low) & (truths < high)].mean()) for low, high in edges]
        row(f"{count}, {bands} x {rows}", [*cells, f"{bands * 2 * 18 / 8:.0f}"], 9)


@cache
def _digest(text: str, count: int) -> Any:
    sketch = RMinHash(num_perm=count, seed=1)
    sketch.update(list(likeness.shingles(text)))
    return np.array(sketch.digest(), dtype=np.int64)


def _shares_band(equal: Any, bands: int, rows: int) -> bool:
    return bool(equal[: bands * rows].reshape(bands, rows).all(axis=1).any())


# The half that is reported


@contextmanager
def window(settings: Settings, entries: int, **options: Any) -> Iterator[Window]:
    client = broker.connect(settings)
    client.delete(*KEYS)
    yield Window(client, entries, settings.near_similarity, settings.near_days, **options)
    client.delete(*KEYS)


@cache
def signed(text: str) -> bytes | None:
    return likeness.signature(text)


def name_of(number: int, letter: str) -> str:
    return f"{number:015x}{letter}-00000000"


def found_in(settings: Settings, firsts: Sequence[str], seconds: Sequence[str]) -> list[int | None]:
    """For each of `seconds`, entered after all of `firsts` and alone, which of `firsts` it is matched with."""
    with window(settings, 10 * len(firsts)) as mine:
        mine.enter([(name_of(number, "a"), signed(text)) for number, text in enumerate(firsts)])
        matches = mine.enter([(name_of(number, "b"), signed(text)) for number, text in enumerate(seconds)])
    # A copy of another copy is named after the first of its chain.
    return [None if match is None else int(match.cluster[:15], 16) for match in matches]


def report(settings: Settings, texts: Sequence[Text], others: list[Text]) -> bool:
    """Recall of every edit; a quarter of the originals are only the beginnings of texts."""
    sources = [each if at % 4 else each._replace(text=flash(each.text)) for at, each in enumerate(texts)]
    by_kind: dict[str, list[Pair]] = defaultdict(list)
    for pair in copies(sources, others, seed=2):
        by_kind[pair.kind].append(pair)
    lengths = np.array([words(each.text) for each in sources])
    groups = [(lengths >= low) & (lengths < high) for low, high in pairwise((*_LENGTHS, 10**9))]
    groups.append(lengths >= _LENGTHS[1])
    heading("Recall in %, by the number of words of the original; wrong: documents matched with another text")
    row("edit", [*(f"{low}+" for low in _LENGTHS), f"all {_LENGTHS[1]}+", "wrong"], 9)
    row("originals", [int(group.sum()) for group in groups], 9)
    is_good = True
    all_right, all_alike, all_wrong = [], [], 0
    for kind in EDITS:
        answers = found_in(settings, [each.text for each in sources], [pair.second for pair in by_kind[kind]])
        right = np.array([answer == number for number, answer in enumerate(answers)])
        wrong = sum(answer not in {None, number} for number, answer in enumerate(answers))
        row(kind, [*(percent(right[group].mean()) for group in groups), wrong], 9)
        is_good &= kind not in NAMED or right[groups[-1]].mean() >= LEAST_RECALL
        all_wrong += wrong
        is_good &= wrong <= MOST_WRONG * len(sources)
        all_right.append(right)
        all_alike.append(np.array([jaccard(pair, 2) >= settings.near_similarity for pair in by_kind[kind]]))
    rights, alike = np.array(all_right), np.array(all_alike)
    matches = rights.sum() + all_wrong
    row("of all that are as similar as they have to be", [percent(rights[:, g][alike[:, g]].mean()) for g in groups], 9)
    row("share of all that are", [percent(alike[:, group].mean()) for group in groups], 9)
    print(f"\n{matches:,} matches, {rights.sum():,} of them with the original: {percent(rights.sum() / matches)}%")
    return precision(settings, texts) and is_good


def precision(settings: Settings, texts: Sequence[Text]) -> bool:
    """Texts that are no copies, met in order. Every match is shown, since some are copies after all."""
    groups: dict[str, list[str]] = {"all originals, each after the other": [each.text for each in texts]}
    groups["their first 50 words and more"] = [flash(each.text) for each in texts]
    for kind, label in (("address", "addresses"), ("contracts", "reports on contracts")):
        groups[label] = [each.text for each in texts if each.kind == kind]
    heading("Strangers taken for copies: documents, pairs, documents matched")
    is_good = True
    for label, members in groups.items():
        with window(settings, 10 * len(members)) as mine:
            matches = mine.enter([(name_of(number, "a"), signed(text)) for number, text in enumerate(members)])
        pairs = len(members) * (len(members) - 1) // 2
        row(label, [len(members), f"{pairs:,}", sum(match is not None for match in matches)], 9)
        for number, match in enumerate(matches):
            if match is not None:
                other = members[int(match.id[:15], 16)]
                print(f"    {match.similarity:.2f}  {members[number][:70]!r}\n          {other[:70]!r}")
        is_good &= sum(match is not None for match in matches) <= MOST_WRONG * len(members)
    quoting = [pair for pair in strangers(list(texts), seed=2, most=0) if pair.kind == "a shared quotation"]
    matches_of = found_in(settings, [pair.first for pair in quoting], [pair.second for pair in quoting])
    row(
        "a paragraph quoted, up to a quarter of the text", [len(quoting), "", sum(m is not None for m in matches_of)], 9
    )
    return is_good


def overwriting(settings: Settings, texts: Sequence[Text], others: list[Text]) -> None:
    """Recall in a full window, by the share of it that was entered between the original and the copy."""
    sources = [each for each in texts if words(each.text) >= 50][:300]
    kinds = ("the lead changed (1-3 sentences)", "20% of words replaced", "the first half alone")
    chosen = defaultdict(list)
    for pair in copies(sources, others, seed=3):
        chosen[pair.kind].append(pair.second)
    shares = (0.0, 0.25, 0.5, 0.75, 0.95)
    heading(f"Recall in % in a full window of {_SMALL:,}, by the share of the window entered in between")
    row("edit", [f"{share:.0%}" for share in shares])
    rng = random.Random(1)
    for kind in kinds:
        cells = []
        for share in shares:
            with window(settings, _SMALL, enters_duplicates=False) as mine:
                fill(mine, _SMALL, rng)
                mine.enter([(name_of(number, "a"), signed(each.text)) for number, each in enumerate(sources)])
                fill(mine, int(share * _SMALL) - (len(sources) if share else 0), rng)
                items = [(name_of(number, "b"), signed(text)) for number, text in enumerate(chosen[kind])]
                matches = mine.enter(items)
            right = [match is not None and int(match.id[:15], 16) == at for at, match in enumerate(matches)]
            cells.append(percent(float(np.mean(right))))
        row(kind, cells)


def fill(mine: Window, count: int, rng: random.Random) -> None:
    for _ in range(0, count, 64):
        mine.enter([(f"{rng.getrandbits(64):016x}-00000000", rng.randbytes(128)) for _ in range(64)])


def costs(settings: Settings, texts: Sequence[Text]) -> None:
    heading("Cost of a signature, one core")
    longest = "\n".join(each.text for each in texts)
    for size in (1_000, 5_000, 50_000, 1_000_000, 2_000_000):
        text = (longest * 2)[:size]
        rounds = max(1, 200_000 // size)
        seconds = min(_seconds(lambda text=text: likeness.signature(text), rounds) for _ in range(3)) / rounds
        row(f"{size:,} characters", [f"{1000 * seconds:.2f} ms"], 12)
    entries = settings.near_window
    client = broker.connect(settings)
    client.config_set("auto-aof-rewrite-percentage", 0)
    heading(f"Cost of the window of {entries:,} in batches of 64 (random signatures), and what it takes")
    row("entered", ["us CPU here", "in the broker", "AOF bytes", "memory of", "used by"], 14)
    row("", ["a document", "a document", "a document", "its keys", "the broker"], 14)
    rng = random.Random(1)
    with window(settings, entries) as mine:
        mine.enter([(name_of(1, "a"), rng.randbytes(128))])
        for share in (0.05, 0.90, 0.05, 0.25):
            count = int(share * entries)
            before: Any = client.info("all")
            seconds = _seconds(lambda count=count: fill(mine, count, rng), 1)
            after: Any = client.info("all")
            busy = sum(after[part] - before[part] for part in ("used_cpu_user", "used_cpu_sys"))
            memory = sum(client.memory_usage(key, samples=0) or 0 for key in KEYS)
            cells = [
                f"{1e6 * seconds / count:.0f}",
                f"{1e6 * busy / count:.0f}",
                f"{(after['aof_current_size'] - before['aof_current_size']) / count:,.0f}",
                f"{memory / 1e6:.1f} MB",
                f"{after['used_memory'] / 1e6:.1f} MB",
            ]
            row(f"{int(client.get(KEYS[3]) or 0):,}", cells, 14)


def _seconds(do: Any, rounds: int) -> float:
    """CPU time of this process: others may be busy on the machine."""
    started = time.process_time()
    for _ in range(rounds):
        do()
    return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with raw/corpus.jsonl.gz and transcripts/")
    options = parser.parse_args()
    texts = load(options.data)
    for_choosing, for_report = texts[: len(texts) // 2], texts[len(texts) // 2 :]
    print(f"{len(for_choosing)} texts to choose on, {len(for_report)} to report on")
    choose([*copies(for_choosing[:400], for_choosing[400:], seed=1), *strangers(for_choosing, seed=1)])
    short_passages(for_choosing)
    with tempfile.TemporaryDirectory() as folder, Embedded(Settings(state=Path(folder) / "state")) as embedded:
        is_good = report(embedded.settings, for_report, for_choosing)
        overwriting(embedded.settings, for_report, for_choosing)
        costs(embedded.settings, for_report)
    if not is_good:
        raise SystemExit("missed")


if __name__ == "__main__":
    main()
