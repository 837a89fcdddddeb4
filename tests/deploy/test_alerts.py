"""Rules, configurations and the cases in which alerts fire and must not, as Prometheus' own tools see them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy import promql
from tests.system.prometheus import shortened, tool

PROMETHEUS = promql.ROOT / "deploy" / "prometheus"
CASES = sorted((promql.ROOT / "tests" / "prometheus").glob("*.yml"))
ALERTS = promql.alerts()


def run(*command: str | Path) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prometheus_accepts_configuration_and_rules() -> None:
    run(tool("promtool"), "check", "config", PROMETHEUS / "prometheus.yml")
    run(tool("promtool"), "check", "rules", *sorted(promql.RULES.glob("*.yml")))


def test_alertmanager_accepts_its_configuration() -> None:
    run(tool("amtool"), "check-config", PROMETHEUS / "alertmanager.yml")


@pytest.mark.parametrize("cases", CASES, ids=lambda path: path.stem)
def test_alerts_fire_when_they_should_and_not_otherwise(cases: Path) -> None:
    run(tool("promtool"), "test", "rules", cases)


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_must_not() -> None:
    fires, quiet = set(), set()
    for path in CASES:
        for test in yaml.safe_load(path.read_text())["tests"]:
            for case in test.get("alert_rule_test", []):
                (fires if case["exp_alerts"] else quiet).add(case["alertname"])
    assert fires == quiet == set(ALERTS)


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_what_a_person_needs(name: str) -> None:
    rule: dict[str, Any] = ALERTS[name]
    assert "for" in rule
    assert rule["labels"]["severity"] in {"critical", "warning"}
    said = rule["annotations"]
    assert said["summary"] and "$value" in said["description"]
    assert said["runbook_url"].endswith(f"/{name}.md")
    assert (promql.ROOT / "docs" / "runbooks" / f"{name}.md").is_file()


def test_a_rule_asks_only_for_what_there_is() -> None:
    for rule in promql.rules():
        asked = promql.metrics(rule["expr"])
        assert asked and asked <= promql.known(), rule["expr"]


@pytest.mark.parametrize(
    ("alert", "labels", "receivers"),
    [
        ("EfirBrokerDown", "severity=critical", "on-call"),
        ("EfirFeedStale", "severity=warning", "team"),
    ],
)
def test_who_is_told(alert: str, labels: str, receivers: str) -> None:
    configuration = f"--config.file={PROMETHEUS / 'alertmanager.yml'}"
    assert (
        run(tool("amtool"), "config", "routes", "test", configuration, f"alertname={alert}", labels).strip()
        == receivers
    )


def test_inhibitions_name_alerts_that_exist() -> None:
    rules = yaml.safe_load((PROMETHEUS / "alertmanager.yml").read_text())["inhibit_rules"]
    for matcher in (matcher for rule in rules for side in rule.values() for matcher in side):
        pattern = re.fullmatch(r'alertname =~? "?([^"]+)"?', matcher)
        assert pattern, matcher
        for one in pattern[1].split("|"):
            assert any(re.fullmatch(one, name) for name in ALERTS), one


def test_shortening_changes_durations_and_nothing_else() -> None:
    text = "rate(a_total[5m]) > 300 unless b offset 1h  # for: all\nfor: 10m\ndelta(c[1d:30s])"
    assert shortened(text, 60, 1) == (
        "rate(a_total[5000ms]) > 300 unless b offset 60000ms  # for: all\nfor: 10000ms\ndelta(c[1440000ms:1000ms])"
    )
    for path in promql.RULES.glob("*.yml"):
        before, after = path.read_text(), shortened(path.read_text(), 60, 4)
        assert re.sub(r"\b\d+(ms|s|m|h|d)\b", "T", before) == re.sub(r"\b\d+(ms|s|m|h|d)\b", "T", after)
