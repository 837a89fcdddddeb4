"""A record as a person reads it in a terminal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from pipeline.artifact import Entity, Polarity, Record, RecordSentence
from pipeline.transcript import Segment

_COLOURS: dict[Polarity, str] = {"negative": "red", "neutral": "yellow", "positive": "green"}
# NER-UK 2.0's types in the order in which a reader asks for them.
_TYPES = {
    "PERS": "people",
    "ORG": "organisations",
    "LOC": "places",
    "JOB": "offices",
    "DATE": "dates",
    "PERIOD": "periods",
    "TIME": "times",
    "MON": "money",
    "PCT": "shares",
    "QUANT": "quantities",
    "DOC": "documents",
    "ART": "works",
    "MISC": "other",
}
_BAR = 20


def printable(text: str) -> str:
    """Without the control characters by which a text could steer the terminal; line ends and tabs become spaces."""
    return "".join(" " if char in "\n\t" else char for char in text if char in "\n\t" or char.isprintable())


def duration(seconds: float | None) -> str:
    """`42 s`, `3 min`, `2.5 h`, `12 d`; a dash for none."""
    if seconds is None:
        return "-"
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.1f} {unit}" if seconds < 10 * size else f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def show_record(console: Console, record: Record) -> None:
    facts = [record.id, record.language, record.source]
    if record.published:
        facts.append(f"{record.published:%Y-%m-%d}")
    counts = f"{len(record.sentences):,} sentences, {record.tokens:,} tokens"
    body = Group(
        Text(f"{' · '.join(facts)} · {counts}", style="dim"),
        *_likeness(record),
        *_speakers(record),
        _heading("Topics"),
        _topics(record),
        _heading("Entities"),
        _entities(record),
        _heading("Sentiment"),
        _sentiment(record),
    )
    console.print(Panel(body, title=Text(printable(record.title) or record.id, style="bold"), title_align="left"))


def _heading(text: str) -> RenderableType:
    return Padding(Text(text, style="bold cyan"), (1, 0, 0, 0))


def _likeness(record: Record) -> Iterator[RenderableType]:
    if record.duplicate_of and record.similarity is not None:
        yield Text(f"{record.similarity:.0%} alike to {record.duplicate_of}", style="yellow")


def _speakers(record: Record) -> Iterator[RenderableType]:
    """Who speaks, in the order of appearance, with how many sentences and from when on."""
    said: dict[str, int] = {}
    since: dict[str, float] = {}
    for sentence in record.sentences:
        segment = _segment(record, sentence)
        if segment is not None and segment.speaker:
            said[segment.speaker] = said.get(segment.speaker, 0) + 1
            if segment.begins is not None:
                since.setdefault(segment.speaker, segment.begins)
    if not said:
        return
    table = Table.grid(padding=(0, 2))
    table.add_column(overflow="fold")
    table.add_column(justify="right")
    for speaker, count in said.items():
        begins = f"from {clock(since[speaker])}" if speaker in since else ""
        table.add_row(printable(speaker), f"{count:,} sentence{'s' * (count != 1)}", Text(begins, style="dim"))
    yield _heading("Speakers")
    yield table


def _segment(record: Record, sentence: RecordSentence) -> Segment | None:
    return record.segments[sentence.segment] if sentence.segment is not None else None


def clock(seconds: float) -> str:
    """A time within a recording: `0:07`, `1:02:03`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _topics(record: Record) -> Table:
    table = Table.grid(padding=(0, 2))
    for topic in record.topics:
        filled = round(topic.confidence * _BAR)
        bar = Text("█" * filled, style="cyan") + Text("░" * (_BAR - filled), style="dim")
        table.add_row(f"{topic.confidence:.2f}", bar, topic.name, Text(topic.id, style="dim"))
    return table


def _entities(record: Record) -> Table:
    by_type: dict[str, list[Entity]] = defaultdict(list)
    for entity in record.entities:
        by_type[entity.type].append(entity)
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for kind in sorted(by_type, key=lambda kind: (list(_TYPES).index(kind) if kind in _TYPES else len(_TYPES), kind)):
        entities = sorted(by_type[kind], key=lambda entity: -len(entity.mentions))
        names = Text(", ").join(_named(entity) for entity in entities)
        table.add_row(kind, _TYPES.get(kind, ""), names)
    return table


def _named(entity: Entity) -> Text:
    name = Text(printable(entity.name))
    if len(entity.mentions) > 1:
        name += Text(f" ×{len(entity.mentions)}", style="bold cyan")
    return name


def _sentiment(record: Record) -> RenderableType:
    tone = record.sentiment
    lines: list[RenderableType] = [Text.assemble((tone.label, f"bold {_COLOURS[tone.label]}"), f" {tone.score:+.2f}")]
    if record.sentences:
        best = max(record.sentences, key=lambda sentence: sentence.score)
        worst = min(record.sentences, key=lambda sentence: sentence.score)
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for title, sentence in (("most positive", best), ("most negative", worst)):
            table.add_row(
                Text.assemble((title, "dim"), " ", (f"{sentence.score:+.2f}", _COLOURS[sentence.sentiment])),
                _quote(record, sentence),
            )
        lines.append(table)
    return Group(*lines)


def _quote(record: Record, sentence: RecordSentence, most: int = 300) -> Text:
    text = printable(" ".join(record.text[sentence.start : sentence.end].split()))
    quote = Text(text if len(text) <= most else text[: most - 1] + "…")
    segment = _segment(record, sentence)
    if segment is not None:
        when = clock(segment.begins) if segment.begins is not None else None
        if said := ", ".join(each for each in (segment.speaker and printable(segment.speaker), when) if each):
            quote += Text(f"  ({said})", style="dim")
    return quote
