"""A bundle's speed, memory and size beside the first bundle's and UDPipe 1's, measured in one run.

Every contender is a process of its own with one thread. They take turns (A B C, A B C, ...), one at work at a time,
so that a busy minute of the machine falls on all; a turn is over the same texts for all, and the next over others. A
ratio is taken within each turn, and the median of the turns is the result. What they do is not the same, so it is said:

- the bundle: all four stages as a worker runs them (parse, entities, sentiment, topics), and of these parse alone;
- the bundle apart: the same as if every stage ran in another process, so that none finds what the one before has read;
- --against FOLDER: a plain Stanza pipeline of the folder's models, tokenize, pos, lemma, depparse and ner, as Stanza
  comes, without shortcuts: no sentiment and no topics;
- --udpipe MODEL: UDPipe 1, tokenize, tag, lemmatize and parse: no entities, no sentiment, no topics. Its scores on the
  test part of UD ParlaMint are printed too.

Seconds are those of the processor, which on an idle machine are those of the clock. Tokens are those of the bundle's
parse for all, so that ratios are of seconds for the same text. Memory is resident memory less what the process had
after its imports, when the models are loaded and after the last turn.
"""

from __future__ import annotations

import argparse
import importlib
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import psutil

LEAST_RATIO = 1.0
MOST_BYTES = 80_000_000
MOST_MEMORY = 700_000_000
_WARM_UP_CHARS = 2_000

Timings = dict[str, float]  # seconds of the processor, by what was done
Run = Callable[[Sequence[str]], Timings]
Open = Callable[[Path], tuple[Callable[[], Run], int]]


class Turn(NamedTuple):
    seconds: Timings
    memory: int


class Contender:
    """A process that has its models loaded and runs when told to."""

    def __init__(self, name: str, opens: Open, path: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self.name = name
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(opens, path, theirs), daemon=True)
        self._process.start()
        self.size, self.loaded = self._answer()
        self.turns: list[Turn] = []

    def take_turn(self, texts: Sequence[str], *, counts: bool = True) -> None:
        self._pipe.send(list(texts))
        turn = self._answer()
        if counts:
            self.turns.append(turn)

    def stop(self) -> None:
        self._pipe.send(None)
        self._process.join(30)

    def _answer(self) -> Any:
        try:
            answer = self._pipe.recv()
        except EOFError:
            raise SystemExit(f"{self.name} ended; what it said is above") from None
        if isinstance(answer, Exception):
            raise SystemExit(f"{self.name}: {answer}")
        return answer


def serve(opens: Open, path: Path, pipe: Connection) -> None:
    """The life of a contender's process: load, then texts in, timings and memory out."""
    try:
        load, size = opens(path)
        before = resident()
        run = load()
        pipe.send((size, resident() - before))
        while (texts := pipe.recv()) is not None:
            pipe.send(Turn(run(texts), resident() - before))
    except Exception as error:  # told to the parent, which ends the bench
        pipe.send(error)


def resident() -> int:
    return int(psutil.Process().memory_info().rss)


def open_apart(folder: Path) -> tuple[Callable[[], Run], int]:
    return open_bundle(folder, keeps=False)


def open_bundle(folder: Path, *, keeps: bool = True) -> tuple[Callable[[], Run], int]:
    import torch

    from pipeline import graph
    from pipeline.models.bundle import Bundle
    from pipeline.models.evaluate.reading import Reader, batches, document
    from pipeline.stages import Subject

    for name in graph.STAGES:
        importlib.import_module(f"pipeline.stages.{name}")  # now, so that it does not count as the models' memory
    assert torch.get_num_threads() == 1
    bundle = Bundle(folder)

    def load() -> Run:
        reader = Reader(bundle)
        stages = {name: reader.stage(name) for name in graph.STAGES}

        def run(texts: Sequence[str]) -> Timings:
            seconds: Timings = dict.fromkeys(stages, 0.0)
            tokens = 0
            for batch in batches(texts):
                subjects = [Subject(document(text, bundle.language), {}) for text in batch]
                for name, stage in stages.items():
                    if not keeps:
                        reader.models.reader._kept.clear()
                    started = time.process_time()
                    contents = stage.run(subjects)
                    seconds[name] += time.process_time() - started
                    if name == "parse":
                        subjects = [
                            Subject(one.document, {name: said}) for one, said in zip(subjects, contents, strict=True)
                        ]
                        tokens += sum(subject.parse.token_count for subject in subjects)
            return {**seconds, "all": sum(seconds.values()), "tokens": tokens}

        return run

    return load, sum(file.size for file in bundle.manifest.files.values())


def open_stanza(folder: Path) -> tuple[Callable[[], Run], int]:
    import stanza
    import torch

    from pipeline.models.evaluate.reading import batches

    torch.set_num_threads(1)
    processors = ("tokenize", "pos", "lemma", "depparse", "ner")
    vectors = next(path for name in ("pretrain80k.pt", "vectors.pt") if (path := folder / name).is_file())
    options: dict[str, Any] = {f"{name}_model_path": str(folder / f"{name}.pt") for name in processors}
    options |= {f"{name}_pretrain_path": str(vectors) for name in ("pos", "depparse", "ner")}

    def load() -> Run:
        with tempfile.TemporaryDirectory() as resources:
            (Path(resources) / "resources.json").write_text("{}")
            pipeline = stanza.Pipeline(
                lang="uk",
                dir=resources,
                processors=",".join(processors),
                package=None,
                allow_unknown_language=True,
                download_method=None,
                use_gpu=False,
                logging_level="ERROR",
                **options,
            )

        def run(texts: Sequence[str]) -> Timings:
            started = time.process_time()
            for batch in batches(texts):
                pipeline.bulk_process([stanza.Document([], text=text) for text in batch])
            return {"all": time.process_time() - started}

        return run

    return load, sum((folder / f"{name}.pt").stat().st_size for name in processors) + vectors.stat().st_size


def open_udpipe(path: Path) -> tuple[Callable[[], Run], int]:
    parse = udpipe(path)

    def load() -> Run:
        parse("")  # the first call loads the model

        def run(texts: Sequence[str]) -> Timings:
            started = time.process_time()
            for text in texts:
                parse(text)
            return {"all": time.process_time() - started}

        return run

    return load, path.stat().st_size


def udpipe(path: Path) -> Callable[[str], str]:
    """Raw text to CoNLL-U by a model of UDPipe 1, loaded when first called."""
    try:
        from ufal import udpipe as module
    except ImportError as error:
        raise RuntimeError("UDPipe 1 is not installed, nor a part of Efir: pip install ufal.udpipe") from error
    loaded: list[Any] = []

    def parse(text: str) -> str:
        if not loaded:
            model = module.Model.load(str(path))
            if model is None:
                raise RuntimeError(f"{path} is not a model of UDPipe 1")
            default = module.Pipeline.DEFAULT
            loaded.extend((model, module.Pipeline(model, "tokenize", default, default, "conllu")))
        return str(loaded[1].process(text))

    return parse


def show_udpipe_scores(data: Path, path: Path) -> None:
    from pipeline.models.evaluate import treebank
    from pipeline.models.evaluate.scores import TREEBANKS

    parse = udpipe(path)
    for name, file in TREEBANKS.items():
        documents = treebank.read_treebank(data / "ud" / file)
        rows = treebank.score_said(documents, (parse(document.text) for document in documents)).each()
        figures = "  ".join(f"{row.label} {100 * (row.f1 or 0):.1f}" for row in rows)
        print(f"UDPipe 1 on {name}: {figures}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with raw/, transcripts/ and ud/")
    parser.add_argument("--bundle", type=Path, help="folder of the bundle; the shipped one")
    parser.add_argument("--against", type=Path, help="folder of Stanza models, such as the first bundle's")
    parser.add_argument("--udpipe", type=Path, help="a .udpipe model")
    parser.add_argument("--documents", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    from pipeline.models.bundle import SHIPPED
    from tests.bench.throughput import draw

    os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    texts = draw(options.data, options.documents * options.rounds)
    turns = [texts[at :: options.rounds] for at in range(options.rounds)]
    asked: list[tuple[str, Open, Path | None]] = [
        ("bundle", open_bundle, options.bundle or SHIPPED / "uk"),
        ("bundle apart", open_apart, options.bundle or SHIPPED / "uk"),
        ("Stanza", open_stanza, options.against),
        ("UDPipe 1", open_udpipe, options.udpipe),
    ]
    contenders = [Contender(name, opens, path) for name, opens, path in asked if path]
    print(f"{len(texts)} documents, {sum(map(len, texts)):,} characters, {options.rounds} turns each", flush=True)
    for contender in contenders:
        contender.take_turn([text[-_WARM_UP_CHARS:] for text in turns[0]], counts=False)
    for turn in turns:
        for contender in contenders:
            contender.take_turn(turn)
    for contender in contenders:
        contender.stop()
    is_met = report(contenders)
    if options.udpipe:
        show_udpipe_scores(options.data, options.udpipe)
    if not is_met:
        raise SystemExit("missed")


def report(contenders: Sequence[Contender]) -> bool:
    """Print the table; whether the bundle, which comes first, is as fast, as small and as sparing as it must be."""
    ours = contenders[0]
    tokens = [turn.seconds["tokens"] for turn in ours.turns]
    is_met = ours.size <= MOST_BYTES and ours.turns[-1].memory <= MOST_MEMORY
    for contender in contenders:
        for what in ("all", "parse"):
            if what not in contender.turns[0].seconds:
                continue
            speeds = [count / turn.seconds[what] for count, turn in zip(tokens, contender.turns, strict=True)]
            line = f"{contender.name + (', parse alone' if what == 'parse' else ''):<26}"
            print(f"{line}{statistics.median(speeds):8.0f} tokens/s", flush=True)
        print(
            f"{'':<26}{contender.size / 1e6:8.1f} MB on disk, {contender.loaded / 1e6:.0f} MB in memory when loaded, "
            f"{contender.turns[-1].memory / 1e6:.0f} MB after the last turn"
        )
    shares = {name: statistics.median(turn.seconds[name] for turn in ours.turns) for name in ours.turns[0].seconds}
    print("seconds of the bundle's stages: " + ", ".join(f"{k} {v:.2f}" for k, v in shares.items() if k != "tokens"))
    for other in contenders[1:]:
        for what in ("all", "parse"):
            ratios = [
                theirs.seconds["all"] / mine.seconds[what] for mine, theirs in zip(ours.turns, other.turns, strict=True)
            ]
            name = "all stages" if what == "all" else "parse alone"
            print(
                f"the bundle's speed ({name}) against {other.name}: {statistics.median(ratios):.2f} "
                f"({min(ratios):.2f} to {max(ratios):.2f})"
            )
            if what == "all" and other.name == "Stanza":
                is_met = is_met and statistics.median(ratios) >= LEAST_RATIO
    return is_met


if __name__ == "__main__":
    main()
