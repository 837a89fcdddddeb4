"""What the dashboards are made of: panels, variables, annotations, and the way from a panel to its runbook.

Every panel says what it shows (`description`), in which unit, and where it turns red. A panel that shows what an alert
watches links to that alert's runbook. The builders are those of grafana-foundation-sdk
(https://grafana.github.io/grafana-foundation-sdk/).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from grafana_foundation_sdk.builders import bargauge, common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.models import common as common_model
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import prometheus as prometheus_model

SOURCE = common_model.DataSourceRef(type_val="prometheus", uid="${datasource}")
# Where the runbooks are read: compose mounts docs/runbooks there. `make dashboards RUNBOOKS=https://...` sets another.
RUNBOOKS = "/public/runbooks"
# One hue a series, told apart by those who see no red or no green: Okabe and Ito, https://jfly.uni-koeln.de/color/.
GREEN, ORANGE, RED, BLUE = "green", "orange", "red", "blue"

Steps = Sequence[tuple[float | None, str]]
Board = model.Dashboard
# A builder of one of the kinds below; they have no common class.
Panel = Any


class Query(NamedTuple):
    """PromQL, and the legend of its series: text with `{{label}}`."""

    expr: str
    legend: str = "__auto"


class Shape(NamedTuple):
    """Width of 24 and height of a panel on the grid."""

    width: int = 8
    height: int = 8


def rising(warning: float, critical: float) -> Steps:
    """The more the worse."""
    return [(None, GREEN), (warning, ORANGE), (critical, RED)]


def falling(critical: float, warning: float) -> Steps:
    """The less the worse."""
    return [(None, RED), (critical, ORANGE), (warning, GREEN)]


NEUTRAL: Steps = [(None, BLUE)]


def lines(
    title: str,
    description: str,
    *queries: Query,
    unit: str,
    alerts: Sequence[str] = (),
    steps: Steps = NEUTRAL,
    shape: Shape = Shape(),
    stacked: bool = False,
    signed: bool = False,
    floor: float | None = None,
    top: float | None = None,
) -> Panel:
    """Values over time. `stacked` for parts of a whole; `signed` where they fall below 0.

    The axis begins at 0, or at `floor` as long as no value is below it.
    """
    panel = timeseries.Panel().line_width(1.5).fill_opacity(60 if stacked else 8).show_points(_NEVER)
    if stacked:
        panel.stacking(common.StackingConfig().mode(common_model.StackingMode.NORMAL))
    if floor is not None:
        panel.axis_soft_min(floor)
    elif not signed:
        panel.min(0)
    if top is not None:
        panel.max(top)
    if len(steps) > 1:
        panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(common_model.GraphThresholdsStyleMode.DASHED))
    panel.legend(
        common.VizLegendOptions()
        .display_mode(common_model.LegendDisplayMode.LIST)
        .placement(common_model.LegendPlacement.BOTTOM)
        .show_legend(True)
    )
    panel.tooltip(common.VizTooltipOptions().mode(common_model.TooltipDisplayMode.MULTI))
    return _finish(panel, title, description, queries, unit, alerts, steps, shape)


def figure(
    title: str,
    description: str,
    query: Query,
    unit: str,
    alerts: Sequence[str] = (),
    steps: Steps = NEUTRAL,
    shape: Shape = Shape(4, 4),
    texts: Mapping[float, str] | None = None,
    none: str = "none",
    instant: bool = False,
) -> Panel:
    """One number, seen from across the room. `texts` replace values; `none` stands where there is nothing to show.

    `instant` for what may end: otherwise the last value of the chosen time stands there for ever.
    """
    panel = (
        stat.Panel()
        .reduce_options(_LAST)
        .color_mode(common_model.BigValueColorMode.BACKGROUND_SOLID if len(steps) > 1 else _VALUE)
        .graph_mode(common_model.BigValueGraphMode.AREA)
        .no_value(none)
    )
    if texts:
        options = {f"{value:g}": model.ValueMappingResult(text=text) for value, text in texts.items()}
        panel.mappings([model.ValueMap(options=options)])
    finished = _finish(panel, title, description, [query], unit, alerts, steps, shape)
    return finished.targets([_target(query, 0).instant()]) if instant else finished


def bars(
    title: str,
    description: str,
    query: Query,
    unit: str,
    alerts: Sequence[str] = (),
    steps: Steps = NEUTRAL,
    shape: Shape = Shape(),
) -> Panel:
    """Values of now side by side, one bar a series."""
    panel = (
        bargauge.Panel()
        .reduce_options(_LAST)
        .orientation(common_model.VizOrientation.HORIZONTAL)
        .display_mode(common_model.BarGaugeDisplayMode.BASIC)
        .value_mode(common_model.BarGaugeValueMode.TEXT)
        .min(0)
    )
    finished = _finish(panel, title, description, [query], unit, alerts, steps, shape)
    return finished.targets([_target(query, 0).instant()])


def rows(
    title: str,
    description: str,
    query: Query,
    unit: str,
    columns: Mapping[str, str],
    alerts: Sequence[str] = (),
    steps: Steps = NEUTRAL,
    shape: Shape = Shape(),
) -> Panel:
    """A table of now, largest first. `columns`: label of the series -> heading; "Value" is the value."""
    hidden = {"Time": True}
    panel = table.Panel().with_transformation(
        model.DataTransformerConfig(
            id_val="organize",
            options={
                "excludeByName": hidden,
                "renameByName": dict(columns),
                "indexByName": {name: place for place, name in enumerate(columns)},
            },
        )
    )
    panel.sort_by([common.TableSortByFieldState().display_name(columns["Value"]).desc(True)])
    finished = _finish(panel, title, description, [query], unit, alerts, steps, shape)
    return finished.targets([_target(query, 0).format(_TABLE).instant()])


def _finish(
    panel: Panel,
    title: str,
    description: str,
    queries: Sequence[Query],
    unit: str,
    alerts: Sequence[str],
    steps: Steps,
    shape: Shape,
) -> Panel:
    return (
        panel.title(title)
        .description(description)
        .unit(unit)
        .datasource(SOURCE)
        .span(shape.width)
        .height(shape.height)
        .targets([_target(query, place) for place, query in enumerate(queries)])
        .thresholds(
            dashboard.ThresholdsConfig()
            .mode(model.ThresholdsMode.ABSOLUTE)
            .steps([model.Threshold(value=value, color=color) for value, color in steps])
        )
        .links([_runbook(alert) for alert in alerts])
    )


def _target(query: Query, place: int) -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(query.expr).legend_format(query.legend).ref_id(chr(ord("A") + place)).range()


def _runbook(alert: str) -> dashboard.DashboardLink:
    return dashboard.DashboardLink(f"Runbook: {alert}").url(f"${{runbooks}}/{alert}.md").target_blank(True)


# Variables


def _datasource() -> dashboard.DatasourceVariable:
    return dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus")


def _runbooks(base: str) -> dashboard.ConstantVariable:
    return dashboard.ConstantVariable("runbooks").value(base)


def variable(name: str, label: str, values: str, multi: bool = True) -> dashboard.QueryVariable:
    """Values to choose from, as `label_values(metric, label)` of the Prometheus data source gives them."""
    chosen = dashboard.QueryVariable(name).label(label).query(values).datasource(SOURCE)
    chosen.refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(model.VariableSort.ALPHABETICAL_ASC)
    if not multi:
        return chosen
    everything = model.VariableOption(selected=True, text=["All"], value=["$__all"])
    return chosen.multi(True).include_all(True).all_value(".*").current(everything)


# Annotations


def annotation(name: str, expr: str, title: str, color: str) -> dashboard.AnnotationQuery:
    """A line over all panels where `expr` has a value."""
    query = prometheus.Dataquery().expr(expr).ref_id("Anno").range()
    return (
        dashboard.AnnotationQuery()
        .name(name)
        .datasource(SOURCE)
        .enable(True)
        .icon_color(color)
        .expr(expr)
        .title_format(title)
        .step("60s")
        .target(query)
    )


# The whole


def board(
    name: str,
    title: str,
    description: str,
    variables: Sequence[dashboard.QueryVariable],
    annotations: Sequence[dashboard.AnnotationQuery],
    sections: Mapping[str, Sequence[Panel]],
    span: str = "now-6h",
    runbooks: str | None = None,
) -> Board:
    """A dashboard of named sections of panels, read from left to right, with links to its sisters.

    `runbooks`: the address of the runbooks, where a panel links to one.
    """
    whole = (
        dashboard.Dashboard(f"Efir / {title}")
        .uid(f"efir-{name}")
        .description(description)
        .tags(["efir"])
        .time(span, "now")
        .refresh("30s")
        .timezone("browser")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .readonly()
        .variables([_datasource(), *variables, *([_runbooks(runbooks)] if runbooks else [])])
        .annotations(list(annotations))
        .links([dashboard.DashboardLink("Efir").type(model.DashboardLinkType.DASHBOARDS).tags(["efir"])])
    )
    number = 0
    for section, panels in sections.items():
        whole.with_row(dashboard.Row(section))
        for panel in panels:
            number += 1
            whole.with_panel(panel.id(number))
    return whole.build()


_NEVER = common_model.VisibilityMode.NEVER
_VALUE = common_model.BigValueColorMode.VALUE
_LAST = common.ReduceDataOptions().calcs(["lastNotNull"])
_TABLE = prometheus_model.PromQueryFormat.TABLE
