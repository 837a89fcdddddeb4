"""What the team on call sees of a running installation: Debian's prometheus scrapes it, with the rules as deployed.

Everything runs: broker, store, two workers, dispatcher, exporter, API, a poller with one feed. There is some load, and
a campaign. Then a worker is killed, the store stops, documents are quarantined until the breaker opens, and a stage is
paused. The rules' durations are shortened sixtyfold (tests/system/prometheus.py says how), nothing else is changed.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from typing import Any

import pytest

from deploy.grafana.drawing.evaluation import Prometheus, filled, panels, variables
from deploy.grafana.generate import FOLDER
from pipeline.transcript import Transcript
from tests.deploy import promql
from tests.system.observed import Observed
from tests.system.rig import until

# The first test starts everything, and a machine that has other work takes its time for each step.
pytestmark = pytest.mark.timeout(600)

FACTOR = 60.0
_PATIENCE = 120.0  # seconds until what has to happen has happened; it mostly takes some ten
_RATE = 5.0  # documents a second
# Documents that fail: too few for the breaker, and enough of what it sees then.
_FEW, _MANY = 15, 60
# The disk of whoever runs the tests may be nearly full, or be filled by somebody else; tests/prometheus has its cases.
OF_THE_MACHINE = {"EfirDiskFilling"}
BOARDS: dict[str, Any] = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
# What Grafana would fill in for scrapes a second apart.
OWN = {"__rate_interval": "20s", "__interval": "5s", "__range": "120s"}

# (dashboard, panel, legend) -> why there is nothing to see in this installation.
EMPTY = {
    ("efir-dependencies", "Broker's memory", "limit"): "the embedded broker has no maxmemory",
    ("efir-ingest", "Pages and transcripts behind entries", "{{kind}}: {{outcome}}"): "the feed has whole texts",
}


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    with Observed(tmp_path_factory.mktemp("observed"), factor=FACTOR) as observed:
        observed.load(seconds=math.inf, rate=_RATE)
        until(lambda: value(observed, "sum(efir_records_total)") > 40, _PATIENCE, "records being written")
        observed.efir("reprocess", "--stage", "topics", "--force", "--rate", "0.2/s")
        yield observed


def value(observed: Observed, expr: str) -> float:
    found = observed.prometheus.api.instant(expr)
    return found[0].last if found else 0.0


def states(observed: Observed, wanted: dict[str, str], since: float) -> None:
    """Wait until Prometheus has noted alerts in the states they should come to: pending, or firing.

    What it noted counts, not what it says when it is asked: an alert on a rate over five seconds comes and goes.
    """

    def are() -> bool:
        noted = told(observed, since)
        return all(noted.get(name) in {state, "firing"} for name, state in wanted.items())

    try:
        until(are, _PATIENCE, "alerts")
    except AssertionError as error:
        raise AssertionError(f"wanted {wanted}, noted were {told(observed, since)}") from error


def told(observed: Observed, since: float) -> dict[str, str]:
    """Alerts since then, by the worst state each was in; what was quiet is absent."""
    noted: dict[str, str] = {}
    for series in observed.prometheus.api.range("ALERTS", since, time.time(), 1):
        name, state = series.labels["alertname"], series.labels["alertstate"]
        noted[name] = "firing" if "firing" in {state, noted.get(name)} else state
    return noted


def firing(noted: dict[str, str]) -> set[str]:
    return {name for name, state in noted.items() if state == "firing"} - OF_THE_MACHINE


def failing(count: int) -> list[Transcript]:
    """Each is a story of its own, as is each call."""
    return [Transcript(text=f"У повідомленні {number} із {count} є хиба.") for number in range(count)]


def test_nothing_fires_while_all_is_well(observed: Observed) -> None:
    api, since = observed.prometheus.api, time.time()
    jobs = {"efir-worker", "efir-exporter", "efir-api", "efir-feeds", "efir-dispatcher"}
    until(lambda: api.instant("efir_campaign_remaining_documents > 0"), _PATIENCE, "the campaign being seen")
    until(lambda: {each.labels["job"] for each in api.instant("up == 1")} == jobs, _PATIENCE, "everybody answering")
    until(lambda: len(api.instant('up{job="efir-worker"} == 1')) == 2, _PATIENCE, "both workers answering")
    until(lambda: value(observed, "efir:live_records:increase1h") >= 50, _PATIENCE, "enough volume for the objective")
    until(lambda: {*observed.prometheus.alerts()} <= OF_THE_MACHINE, 30, "what was pending going away")
    assert firing(told(observed, since)) == set()


def test_alerts_tell_of_a_killed_worker_a_store_that_stopped_and_documents_that_fail(observed: Observed) -> None:
    since = time.time()
    observed.rig.kill(observed.rig.workers[1])
    observed.send(failing(_FEW))
    observed.efir("queue", "pause", "sentiment", "--reason", "a test")
    states(observed, {"EfirTargetDown": "firing", "EfirQuarantineGrowing": "firing"}, since)
    observed.send(failing(_MANY))
    states(observed, {"EfirBreakerOpen": "firing", "EfirWorkerLost": "firing", "EfirStagePaused": "pending"}, since)
    store = observed.rig.server("weed")
    store.suspend()
    try:
        states(observed, {"EfirStoreDown": "firing", "EfirStoreErrors": "pending"}, since)
    finally:
        store.resume()
    not_these = {"EfirBrokerDown", "EfirExporterAbsent", "EfirNoWorker"}
    assert not not_these & firing(told(observed, since))


def test_what_is_mended_is_quiet_again(observed: Observed) -> None:
    observed.efir("queue", "resume", "sentiment")
    # What fails waits; it would open the breaker again.
    observed.efir("queue", "purge", "parse", "--lane", "live", "--yes", "--i-know")
    observed.efir("queue", "resume", "parse")
    mended = {"EfirStoreDown", "EfirStagePaused", "EfirBreakerOpen"}
    until(lambda: not mended & {*observed.prometheus.alerts()}, _PATIENCE, "the alerts ending")
    until(lambda: value(observed, "sum(efir_quarantine_documents)") >= _FEW, _PATIENCE, "the quarantine being seen")


def test_every_rule_is_evaluated_and_what_is_recorded_is_there(observed: Observed) -> None:
    rules = observed.prometheus.rules()
    assert len(rules) == len(promql.rules())
    broken = {rule["name"]: rule["lastError"] for rule in rules if rule["health"] != "ok"}
    assert not broken
    empty = [name for name in promql.recorded() if not observed.prometheus.api.instant(name)]
    assert not empty


def test_every_panel_has_something_to_show(observed: Observed) -> None:
    api = observed.prometheus.api
    # The campaign of before may be done by now; panels of campaigns speak of those that are under way, and move.
    observed.efir("reprocess", "--stage", "topics", "--force", "--rate", "1/s")
    until(lambda: value(observed, "max(efir_campaign_documents_per_second)") > 0, _PATIENCE, "a campaign moving")
    end = time.time()
    missing = set()
    for name, board in BOARDS.items():
        chosen = {**variables(board), "stage": "parse", **OWN}
        for panel in panels(board):
            for query in panel.queries:
                expr = filled(query.expr, chosen)
                found = api.instant(expr, end) if query.is_instant else api.range(expr, observed.began, end, 2)
                if not found:
                    missing.add((name, panel.title, query.legend))
    assert missing == set(EMPTY)


def test_every_annotation_marks_what_happened(observed: Observed) -> None:
    end = time.time()
    for board in BOARDS.values():
        for annotation in board["annotations"]["list"]:
            expr = filled(annotation["expr"], {**variables(board), **OWN})
            found = observed.prometheus.api.range(expr, observed.began, end, 2)
            assert found, f"{board['title']}: {annotation['name']}"


def test_a_query_that_is_wrong_is_told(observed: Observed) -> None:
    api: Prometheus = observed.prometheus.api
    with pytest.raises(RuntimeError, match="parse error"):
        api.instant("sum(")
