"""The kinds of panels: lines, one figure, bars, a table. Plain drawing with matplotlib, in Grafana's manner."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

from deploy.grafana.drawing.evaluation import Panel, Series
from deploy.grafana.drawing.units import written

PAPER, CARD, EDGE, INK, FAINT, GRID = "#f4f5f5", "#ffffff", "#dcdfe3", "#24292e", "#6b7178", "#e6e9ec"
COLOURS = {"green": "#2f9e5b", "orange": "#e8871e", "red": "#cf3b3b", "blue": "#3274d9", "purple": "#8f5bd6"}
# Okabe and Ito's palette without its yellow, which is too pale on white; then darker ones.
HUES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#5b5b5b", "#7a5195", "#8a6d00", "#1b6e5a")
_LEGEND = 12  # more names than these would hide the panel
_TITLE = 24.0  # points
_MARGIN = 66.0  # left of lines, for the values of the axis


class Box(NamedTuple):
    """In points, from the page's lower left corner."""

    x: float
    y: float
    width: float
    height: float


class Mark(NamedTuple):
    at: float
    colour: str


def panel(
    figure: Figure, box: Box, panel: Panel, found: Sequence[Series], marks: Sequence[Mark], span: tuple[float, float]
) -> None:
    if not found:
        # A count of nothing is drawn as Grafana does, with the text of the panel.
        none = panel.defaults.get("noValue", "No data")
        axes = _axes(figure, box, 4, 4, 4)
        _nothing(axes, none, panel)
        return
    if panel.kind == "timeseries":
        _lines(figure, box, panel, found, marks, span)
    elif panel.kind == "stat":
        _figure(figure, box, panel, found)
    elif panel.kind == "bargauge":
        _bars(figure, box, panel, found)
    else:
        _table(figure, box, panel, found)


def _axes(figure: Figure, box: Box, left: float, bottom: float, right: float, top: float = _TITLE) -> Axes:
    width, height = (72 * inches for inches in figure.get_size_inches())
    return figure.add_axes(
        (
            (box.x + left) / width,
            (box.y + bottom) / height,
            (box.width - left - right) / width,
            (box.height - bottom - top) / height,
        )
    )


def _colour(value: float, panel: Panel) -> str:
    chosen = panel.steps[0][1]
    for least, name in panel.steps[1:]:
        if least is not None and value >= least:
            chosen = name
    return COLOURS[chosen]


def _value(value: float, panel: Panel) -> str:
    for mapping in panel.defaults.get("mappings", []):
        text = mapping["options"].get(f"{value:g}", {}).get("text")
        if text is not None:
            return str(text)
    return written(value, panel.unit)


def _nothing(axes: Axes, text: str, panel: Panel) -> None:
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha="center", va="center", size=13 if panel.kind == "stat" else 10, color=FAINT)


def _lines(
    figure: Figure, box: Box, panel: Panel, found: Sequence[Series], marks: Sequence[Mark], span: tuple[float, float]
) -> None:
    custom = panel.defaults.get("custom", {})
    names = min(len(found), _LEGEND)
    columns = max(1, int((box.width - 20) // (30 + 5.0 * max(len(each.name) for each in found[:names]))))
    below = 24 + 11 * -(-names // columns)
    axes = _axes(figure, box, _MARGIN, below, 10)
    hues = [HUES[place % len(HUES)] for place in range(len(found))]
    if custom.get("stacking", {}).get("mode") == "normal":
        times = sorted({time for each in found for time, _ in each.points})
        values = [[_finite(dict(each.points).get(time, 0.0)) for time in times] for each in found]
        axes.stackplot(
            [_moment(time) for time in times], values, colors=hues, alpha=0.75, labels=[each.name for each in found]
        )
    else:
        for each, hue in zip(found, hues, strict=True):
            axes.plot(*_drawn(each), color=hue, linewidth=1.3, label=each.name)
    axes.set_xlim(_moment(span[0]), _moment(span[1]))
    _scale(axes, panel)
    for least, name in panel.steps[1:]:
        if least is not None and least <= axes.get_ylim()[1]:
            axes.axhline(least, color=COLOURS[name], linewidth=1, linestyle=(0, (5, 4)))
    for mark in marks:
        axes.axvline(_moment(mark.at), color=COLOURS[mark.colour], linewidth=1, linestyle=":")
    _dress(axes, panel)
    handles, labels = axes.get_legend_handles_labels()
    more = len(handles) - names
    if more > 0:
        labels[names - 1] += f"  (and {more} more)"
    axes.legend(
        handles[:names],
        labels[:names],
        loc="upper left",
        bbox_to_anchor=((8 - _MARGIN) / (box.width - _MARGIN - 10), -16 / max(1.0, box.height - below - _TITLE)),
        ncols=columns,
        frameon=False,
        fontsize=7.5,
        handlelength=1.2,
        handletextpad=0.5,
        columnspacing=1.2,
        labelspacing=0.25,
        borderaxespad=0,
        labelcolor=INK,
    )


def _moment(seconds: float) -> float:
    """matplotlib's dates are days since 1970."""
    return seconds / 86400


def _finite(value: float) -> float:
    return value if math.isfinite(value) else 0.0


def _drawn(series: Series) -> tuple[list[float], list[float]]:
    """Times and values; a gap in time is a gap in the line."""
    times: list[float] = []
    values: list[float] = []
    steps = [after[0] - before[0] for before, after in zip(series.points, series.points[1:], strict=False)]
    least = min(steps, default=0.0)
    for (time, value), step in zip(series.points, [*steps, 0.0], strict=True):
        times.append(_moment(time))
        values.append(value if math.isfinite(value) else math.nan)
        if step > 1.5 * least:
            times.append(_moment(time + least))
            values.append(math.nan)
    return times, values


def _scale(axes: Axes, panel: Panel) -> None:
    bottom, top = axes.get_ylim()
    drawn = [value for line in axes.lines for value in np.asarray(line.get_ydata(), float) if np.isfinite(value)]
    if "min" in panel.defaults:
        bottom = panel.defaults["min"]
        if top <= bottom or (drawn and not any(drawn)):
            top = bottom + 1  # nothing but zeros
    if (soft := panel.defaults.get("custom", {}).get("axisSoftMin")) is not None:
        bottom = min([soft, *drawn])
    if "max" in panel.defaults:
        top = panel.defaults["max"] + 0.01 * (panel.defaults["max"] - bottom)
    axes.set_ylim(bottom, top)
    if panel.unit in {"bytes", "Bps"}:
        axes.yaxis.set_major_locator(MultipleLocator(2 ** math.ceil(math.log2(max(top / 5, 1)))))
    else:
        axes.yaxis.set_major_locator(MaxNLocator(5))


def _dress(axes: Axes, panel: Panel) -> None:
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: written(value, panel.unit)))
    axes.yaxis.set_minor_formatter(FuncFormatter(lambda *_: ""))
    locator = AutoDateLocator(minticks=3, maxticks=6)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))  # type: ignore[no-untyped-call]
    axes.grid(color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=FAINT, length=0, labelsize=7.5)
    for side in axes.spines.values():
        side.set_visible(False)


def _figure(figure: Figure, box: Box, panel: Panel, found: Sequence[Series]) -> None:
    value = found[0].last
    colour = _colour(value, panel)
    solid = "background" in panel.options.get("colorMode", "")
    axes = _axes(figure, box, 0, 0, 0, _TITLE if solid else 0)
    if len(finite := [(time, each) for time, each in found[0].points if math.isfinite(each)]) > 2:
        times, values = zip(*finite, strict=True)
        low, high = min(values), max(values)
        axes.fill_between(times, values, low, color="white" if solid else colour, alpha=0.25, linewidth=0)
        axes.set_xlim(times[0], times[-1])
        axes.set_ylim(low, low + 3.2 * (high - low or 1.0))
    axes.set_xticks([])
    axes.set_yticks([])
    axes.patch.set_facecolor(colour if solid else "none")
    for side in axes.spines.values():
        side.set_visible(False)
    text = _value(value, panel)
    size = min(26.0, 1.25 * box.width / max(4, len(text)), 0.42 * (box.height - _TITLE) + 4)
    axes.text(
        0.5,
        0.5 if solid else 0.44,
        text,
        transform=axes.transAxes,
        ha="center",
        va="center",
        size=size,
        weight="bold",
        color="white" if solid else colour,
    )


def _bars(figure: Figure, box: Box, panel: Panel, found: Sequence[Series]) -> None:
    chosen = sorted(found, key=lambda each: each.last)[-15:]
    longest = max(len(each.name) for each in chosen)
    left = min(0.45 * box.width, 14 + 5.0 * longest)
    axes = _axes(figure, box, left, 6, 56)
    room = int((left - 12) / 5.0)
    axes.barh(
        range(len(chosen)), [each.last for each in chosen], color=[_colour(e.last, panel) for e in chosen], height=0.66
    )
    axes.set_ylim(-0.6, max(len(chosen), 4) - 0.4)
    axes.set_yticks(range(len(chosen)), [_cut(each.name, room) for each in chosen])
    axes.set_xticks([])
    axes.set_xlim(0, max(1e-9, *(_finite(each.last) for each in chosen)))
    for row, each in enumerate(chosen):
        axes.annotate(
            _value(each.last, panel),
            (each.last, row),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            size=8,
            color=INK,
        )
    axes.tick_params(colors=INK, length=0, labelsize=8)
    axes.patch.set_facecolor("none")
    for side in axes.spines.values():
        side.set_visible(False)


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else text[: max(1, room - 1)] + "…"


def _table(figure: Figure, box: Box, panel: Panel, found: Sequence[Series]) -> None:
    axes = _axes(figure, box, 8, 4, 8)
    axes.set_axis_off()
    axes.set_xlim(0, box.width - 16)
    high = box.height - 4 - _TITLE
    axes.set_ylim(high, 0)
    columns = list(panel.renamed)
    chosen = sorted(found, key=lambda each: -each.last)[: int((high - 20) // 15)]
    cells = [
        [_value(each.last, panel) if name == "Value" else each.labels.get(name, "") for name in columns]
        for each in chosen
    ]
    heads = [panel.renamed[name] for name in columns]
    widths = [max(len(row[place]) for row in [heads, *cells]) + 3 for place in range(len(columns))]
    room = (box.width - 16) / sum(widths)
    x = 0.0
    for place, wide in enumerate(widths):
        right = columns[place] == "Value"
        at = x + wide * room - 6 if right else x
        most = max(3, int(wide * room / 4.9))
        axes.text(at, 9, heads[place], size=8, weight="bold", color=FAINT, va="center", ha="right" if right else "left")
        for row, (line, each) in enumerate(zip(cells, chosen, strict=True)):
            colour = _colour(each.last, panel) if right and len(panel.steps) > 1 else INK
            text = _cut(line[place], most)
            axes.text(at, 26 + 15 * row, text, size=8, color=colour, va="center", ha="right" if right else "left")
        x += wide * room
    for row in range(len(chosen) + 1):
        axes.plot([0, box.width - 16], [18 + 15 * row] * 2, color=GRID, linewidth=0.7)
