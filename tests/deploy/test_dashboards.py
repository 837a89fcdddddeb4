"""The dashboards are what their code says, explain themselves, and ask only for what there is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deploy.grafana.drawing.evaluation import Panel, panels, used
from deploy.grafana.drawing.units import written
from deploy.grafana.generate import FOLDER, generated
from tests.deploy import promql

# Grafana's own.
OWN = {"__rate_interval", "__range", "__interval"}
BOARDS: dict[str, Any] = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}


def drawn(name: str) -> list[Panel]:
    return [panel for panel in panels(BOARDS[name]) if panel.kind != "row"]


def expressions(board: Any) -> list[str]:
    asked = [query.expr for panel in panels(board) for query in panel.queries]
    asked += [annotation["expr"] for annotation in board["annotations"]["list"]]
    return asked


def test_what_is_committed_is_what_the_code_makes() -> None:
    assert {path.name: path.read_text() for path in FOLDER.glob("*.json")} == generated()


def test_there_are_the_six() -> None:
    six = ("overview", "stage", "ingest", "reprocessing", "dependencies", "content")
    assert set(BOARDS) == {f"efir-{name}" for name in six}
    assert all(board["uid"] == name for name, board in BOARDS.items())


@pytest.mark.parametrize("name", BOARDS)
def test_every_panel_explains_itself(name: str) -> None:
    for panel in drawn(name):
        assert len(panel.description) > 5 and panel.description.endswith("."), panel.title
        assert panel.queries and panel.steps, panel.title
        assert written(1.5, panel.unit), "the unit is one that is known"


@pytest.mark.parametrize("name", BOARDS)
def test_a_query_asks_only_for_what_there_is(name: str) -> None:
    for expr in expressions(BOARDS[name]):
        asked = promql.metrics(expr)
        assert asked and asked <= promql.known(), expr


@pytest.mark.parametrize("name", BOARDS)
def test_every_variable_is_used_and_every_used_one_is_there(name: str) -> None:
    board = BOARDS[name]
    there = {variable["name"] for variable in board["templating"]["list"]}
    links = [link for panel in panels(board) for link in panel.links]
    sources = [json.dumps(panel.get("datasource", {})) for panel in board["panels"]]
    asked = set().union(*map(used, [*expressions(board), *links, *sources]))
    assert asked - OWN == there


@pytest.mark.parametrize("name", BOARDS)
def test_panels_do_not_lie_on_each_other(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels(BOARDS[name]):
        x, y, width, height = panel.place
        cells = {(column, row) for column in range(x, x + width) for row in range(y, y + height)}
        assert x + width <= 24 and not cells & taken, panel.title
        taken |= cells


def test_every_alert_is_seen_on_a_panel_that_shows_what_it_watches() -> None:
    for alert, rule in promql.alerts().items():
        watched = promql.measured(rule["expr"])
        linking = [
            panel
            for board in BOARDS.values()
            for panel in panels(board)
            if any(link.endswith(f"/{alert}.md") for link in panel.links)
        ]
        shown = set().union(*(promql.measured(query.expr) for panel in linking for query in panel.queries))
        assert watched & shown, f"no panel with a link to {alert} shows {', '.join(sorted(watched))}"


@pytest.mark.parametrize("name", BOARDS)
def test_a_panel_that_shows_what_an_alert_watches_links_to_its_runbook(name: str) -> None:
    for panel in drawn(name):
        pages = [link.removeprefix("${runbooks}/") for link in panel.links]
        assert all((promql.ROOT / "docs" / "runbooks" / page).is_file() for page in pages), panel.title
        shown = set().union(*(promql.measured(query.expr) for query in panel.queries))
        for alert, rule in promql.alerts().items():
            if shown == promql.measured(rule["expr"]):
                assert f"{alert}.md" in pages, f"{panel.title} shows what {alert} watches"


def test_deploys_and_campaigns_are_marked() -> None:
    for board in BOARDS.values():
        assert {"Deploys", "Campaigns"} <= {annotation["name"] for annotation in board["annotations"]["list"]}
