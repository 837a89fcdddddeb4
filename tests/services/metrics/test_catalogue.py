"""The catalogue says what is measured, the code measures what it says, and docs/metrics.md is made from it."""

import ast
import re
from pathlib import Path

import pytest
from prometheus_client.metrics import MetricWrapperBase

from services import metrics
from services.metrics.exposition import exposition
from services.metrics.forms import CATALOGUE, Entry, Reading, entries
from services.metrics.reference import markdown
from services.metrics.tally import Latest, Tally

ROOT = Path(__file__).parents[3]
# What there are many of: each value would be a series for ever.
UNBOUNDED = {"id", "document", "url", "host", "feed", "title", "place", "path", "key", "name"}


def names() -> dict[str, object]:
    """`question.metric` -> the metric."""
    kinds = (MetricWrapperBase, Reading, Tally, Latest)
    return {
        f"{question}.{name}": metric
        for question in metrics.__all__
        for name, metric in vars(getattr(metrics, question)).items()
        if isinstance(metric, kinds)
    }


def used() -> set[str]:
    """What any module but the catalogue's names of it: `question.metric`."""
    found = set()
    for path in (ROOT / "services").rglob("*.py"):
        if path.parent != ROOT / "services" / "metrics" / "catalogue":
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Attribute):
                    whole, _, name = ast.unparse(node).partition(".")
                    if whole == "metrics":
                        found.add(name)
    return found


def test_the_page_is_what_the_catalogue_says() -> None:
    assert (ROOT / "docs" / "metrics.md").read_text() == markdown(), "python -m services.metrics > docs/metrics.md"


def test_every_metric_is_set_somewhere() -> None:
    assert set(names()) - used() == set()


def test_every_metric_has_a_variable_and_a_name_of_its_own() -> None:
    listed = [entry.name for entry in entries()]
    assert len(listed) == len(set(listed)) == len(names())


@pytest.mark.parametrize("entry", list(entries()), ids=lambda entry: entry.name)
def test_names_follow_the_conventions(entry: Entry) -> None:
    """https://prometheus.io/docs/practices/naming/"""
    assert re.fullmatch("(efir|celery)_[a-z_]+", entry.name)
    assert entry.name.endswith("_total") == (entry.kind == "counter")
    assert not re.search("_(ms|milliseconds|minutes|hours|kilobytes|megabytes|percent)(_|$)", entry.name)
    assert entry.help.endswith(".") and entry.by
    if entry.name.startswith("efir_"):
        assert not UNBOUNDED & set(entry.labels)


def test_what_a_workers_processes_share_has_labels() -> None:
    """One without labels would have its value in memory before the worker's folder is known."""
    for entry in entries():
        if "worker" in entry.by and isinstance(entry.measured_by, MetricWrapperBase):
            assert entry.labels, entry.name


def test_every_section_says_what_its_metrics_are_for() -> None:
    assert all(section.text and section.entries for section in CATALOGUE)
    assert len(CATALOGUE) >= 10


def test_a_process_exports_its_own_metrics_and_nobody_elses() -> None:
    metrics.intake.feed_polls.labels("changed").inc()
    metrics.intake.api_requests.labels("/healthz", "GET", "200").inc()
    feeds, media_type = exposition("feeds")
    assert b"efir_feed_polls_total" in feeds and b"efir_api" not in feeds
    assert b"efir_build_info" in feeds and b"process_resident_memory_bytes" in feeds
    assert media_type.startswith("text/plain")
    api, media_type = exposition("api", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert b"efir_api_requests_total" in api and b"efir_feed" not in api and api.endswith(b"# EOF\n")
    assert media_type.startswith("application/openmetrics-text; version=1.0.0")
