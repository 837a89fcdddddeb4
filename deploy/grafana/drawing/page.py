"""A dashboard on one page: its panels in their places on the grid, each drawn from its own queries' results."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from PIL import Image

from deploy.grafana.drawing import paint
from deploy.grafana.drawing.evaluation import Panel, Prometheus, Series, filled, named, panels, variables

# Of Grafana's grid, in points on paper 24 columns wide.
_COLUMN, _ROW, _GAP, _TOP, _BOTTOM = 50.0, 29.0, 6.0, 46.0, 26.0
_PIXELS = 100  # a inch; the figure is measured in inches of 72 points
_POINTS = 150  # steps of a range: as many as such a panel has room for

SAID = (
    "A rendering of the dashboard's queries against a loaded test installation, made by `make dashboards-png`. "
    "This is not a picture of Grafana."
)


class Span(NamedTuple):
    start: float  # seconds since 1970
    end: float
    scrape: float  # seconds between scrapes

    @property
    def step(self) -> float:
        return max(self.scrape, (self.end - self.start) / _POINTS)

    @property
    def values(self) -> dict[str, str]:
        """Grafana's own variables, computed as it does: a rate needs four scrapes to be smooth."""
        return {
            "__rate_interval": f"{max(self.step + self.scrape, 4 * self.scrape):.0f}s",
            "__interval": f"{self.step:.0f}s",
            "__range": f"{self.end - self.start:.0f}s",
        }


def results(panel: Panel, prometheus: Prometheus, values: Mapping[str, str], span: Span) -> list[Series]:
    """What the panel's queries say, as it draws them: over time, or now for tables."""
    found = []
    for query in panel.queries:
        expr = filled(query.expr, {**values, **span.values})
        if query.is_instant:
            series = prometheus.instant(expr, span.end)
        else:
            series = prometheus.range(expr, span.start, span.end, span.step)
        found += [named(each, query.legend) for each in series]
    return found


def marks(board: Mapping[str, Any], prometheus: Prometheus, values: Mapping[str, str], span: Span) -> list[paint.Mark]:
    """The times the dashboard's annotations name."""
    found = []
    for each in board["annotations"]["list"]:
        for series in prometheus.range(
            filled(each["expr"], {**values, **span.values}), span.start, span.end, span.step
        ):
            times = [time for time, _ in series.points]
            # A run of points is one event that lasted; it is marked where it began.
            starts = [
                time for before, time in zip([-1e18, *times], times, strict=False) if time - before > 1.5 * span.step
            ]
            found += [paint.Mark(time, each["iconColor"]) for time in starts]
    return found


def draw(board: Mapping[str, Any], prometheus: Prometheus, chosen: Mapping[str, str], span: Span, to: Path) -> None:
    """Write the picture of a dashboard to `to`. `chosen`: values of variables that have no "All"."""
    values = {**variables(board), **chosen}
    parts = list(panels(board))
    lines = max(panel.place.y + panel.place.height for panel in parts)
    width, height = 24 * _COLUMN, lines * _ROW + _TOP + _BOTTOM
    with mpl.rc_context({"font.family": "DejaVu Sans", "font.size": 8, "axes.unicode_minus": False}):
        figure = Figure(figsize=(width / 72, height / 72), dpi=_PIXELS, facecolor=paint.PAPER)
        canvas = FigureCanvasAgg(figure)
        _heading(figure, board, chosen, span, height)
        events = marks(board, prometheus, values, span)
        for panel in parts:
            box = _box(panel, height)
            if panel.kind == "row":
                figure.text(box.x / width, (box.y + 8) / height, panel.title, size=11, weight="bold", color=paint.INK)
                continue
            _frame(figure, box, panel.title, width, height)
            found = results(panel, prometheus, values, span)
            paint.panel(figure, box, panel, found, events, (span.start, span.end))
        figure.text(_GAP / width, 9 / height, SAID, size=9, color=paint.FAINT)
        to.parent.mkdir(parents=True, exist_ok=True)
        canvas.draw()  # type: ignore[no-untyped-call]
        # 256 colours are as many as there are, and a third of the bytes.
        pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
        picture = Image.fromarray(pixels).convert("RGB")
        picture.quantize(256, dither=Image.Dither.NONE).save(to, optimize=True)


def _box(panel: Panel, height: float) -> paint.Box:
    place = panel.place
    top = height - _TOP - place.y * _ROW
    return paint.Box(
        place.x * _COLUMN + _GAP / 2,
        top - place.height * _ROW + _GAP,
        place.width * _COLUMN - _GAP,
        place.height * _ROW - _GAP,
    )


def _heading(figure: Figure, board: Mapping[str, Any], chosen: Mapping[str, str], span: Span, height: float) -> None:
    start, end = (datetime.datetime.fromtimestamp(at, datetime.UTC) for at in (span.start, span.end))
    figure.text(0.005, (height - 22) / height, board["title"], size=15, weight="bold", color=paint.INK)
    said = "  ".join(f"{name}: {value}" for name, value in chosen.items())
    figure.text(
        0.995,
        (height - 20) / height,
        f"{said}    {start:%Y-%m-%d %H:%M:%S} to {end:%H:%M:%S} UTC",
        size=9,
        ha="right",
        color=paint.FAINT,
    )


def _frame(figure: Figure, box: paint.Box, title: str, width: float, height: float) -> None:
    figure.add_artist(
        FancyBboxPatch(
            (box.x / width, box.y / height),
            box.width / width,
            box.height / height,
            boxstyle="square,pad=0",
            facecolor=paint.CARD,
            edgecolor=paint.EDGE,
            linewidth=0.8,
            transform=figure.transFigure,
            zorder=0,
        )
    )
    figure.text((box.x + 8) / width, (box.y + box.height - 15) / height, title, size=9, weight="bold", color=paint.INK)
