"""Operators' commands through the console script, on real workers and a real dispatcher."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.store import artifact_key, quarantine_key
from pipeline.transcript import Place
from services.campaigns import Campaigns
from services.embedded import _as_environment
from services.pauses import paused
from tests.system.conftest import EFIR
from tests.system.observed import free_ports
from tests.system.rig import Rig, efir, ended, js, until


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with Rig(tmp_path_factory.mktemp("rig"), stage_seconds=20.0, breaker_documents=50, campaign_window=500) as rig:
        rig.start_worker()
        rig.start_dispatcher()
        yield rig


def documents(count: int, name: str, word: str = "добрий") -> list[str]:
    return [f"Це {word} документ {name} номер {number}." for number in range(count)]


def written(rig: Rig, stage: str, place: Place) -> float | None:
    return rig.store.modified(artifact_key(stage, rig.bundles["uk"].fingerprints[stage], place))


def test_a_paused_stage_waits_and_a_resumed_one_goes_on(rig: Rig) -> None:
    assert "topics is paused" in efir(rig, "queue", "pause", "topics", "--reason", "new model")
    rig.admit(documents(3, "пауза"))

    def row_of_topics() -> Any:
        (row,) = (row for row in js(rig, "queue", "ls") if (row["stage"], row["lane"]) == ("topics", "live"))
        return row if row["documents"] else None

    row = until(row_of_topics, what="the topics waiting")
    assert (row["documents"], row["unacknowledged"], row["paused"]["reason"]) == (3, 0, "new model")
    assert row["oldest_seconds"] > 0
    shown = efir(rig, "queue", "ls")
    assert "paused by the operator: new model" in " ".join(shown.split())
    assert "goes on" in efir(rig, "queue", "resume", "topics")
    rig.settle()


def test_purging_asks_and_never_loses_what_was_acknowledged(rig: Rig) -> None:
    efir(rig, "queue", "pause", "parse")
    rig.admit(documents(4, "живий"))
    assert "--i-know" in efir(rig, "queue", "purge", "parse", "--lane", "live", "--yes", status=2)
    assert "--yes" in efir(rig, "queue", "purge", "parse", "--lane", "live", "--i-know", status=2)
    assert "would remove 1 messages with 4 documents" in efir(
        rig, "queue", "purge", "parse", "--lane", "live", "--dry-run"
    )
    assert rig.queues.documents() == 4
    assert "removed 1" in efir(rig, "queue", "purge", "parse", "--lane", "live", "--i-know", "--yes")
    efir(rig, "queue", "resume", "parse")
    assert rig.books().in_flight == 4
    # What was purged lies in the store, and is stale.
    campaign = js(rig, "reprocess", "--stage", "parse")
    assert campaign["documents"] == 4
    assert ended(rig, campaign["campaign"])["done"] == 4
    rig.settle()


def test_a_dry_run_tells_what_a_campaign_would_cost(rig: Rig) -> None:
    said = js(rig, "reprocess", "--stage", "parse", "--force", "--dry-run")
    assert said["documents"] == len(rig.admitted)
    assert set(said["stages"]) == {"parse", "entities", "sentiment", "topics"}
    assert said["tokens"] == pytest.approx(7 * len(rig.admitted), rel=0.2)
    assert said["process_seconds"] > 0 and said["stored_bytes"] > 0
    assert "tokens" in efir(rig, "reprocess", "--stage", "topics", "--force", "--dry-run")
    assert "0 documents would be" in efir(rig, "reprocess", "--stage", "topics", "--dry-run")
    assert "Nothing is stale" in efir(rig, "reprocess", "--stage", "topics")
    assert js(rig, "campaigns", "ls") != []


def test_a_forced_campaign_runs_one_stage_again_and_leaves_the_others(rig: Rig) -> None:
    places = sorted(rig.admitted)
    before = {stage: [written(rig, stage, place) for place in places] for stage in ("parse", "topics")}
    time.sleep(1.1)  # times in the store are in whole seconds
    campaign = js(rig, "reprocess", "--stage", "topics", "--force")["campaign"]
    view = ended(rig, campaign)
    assert (view["done"], view["failed"], view["remaining"]) == (len(places), 0, 0)
    assert [written(rig, "parse", place) for place in places] == before["parse"]
    assert all(
        (written(rig, "topics", place) or 0) > (was or 0) for place, was in zip(places, before["topics"], strict=True)
    )
    rig.settle()


def test_ids_and_bounds_choose(rig: Rig, tmp_path: Path) -> None:
    chosen = sorted(rig.admitted)[:3]
    for place in chosen:
        rig.store.delete(artifact_key("sentiment", rig.bundles["uk"].fingerprints["sentiment"], place))
    (tmp_path / "ids").write_text("\n".join([chosen[0].id, "not an id", "", chosen[1].id]))
    said = efir(rig, "reprocess", "--stage", "sentiment", "--ids-from", tmp_path / "ids", "--dry-run")
    assert "2 documents would be" in said and "line 2" in said
    assert js(rig, "reprocess", "--stage", "sentiment", "--id", chosen[2].id, "--dry-run")["documents"] == 1
    assert js(rig, "reprocess", "--stage", "sentiment", "--source", "elsewhere", "--dry-run")["documents"] == 0
    assert js(rig, "reprocess", "--stage", "sentiment", "--to", "2020-01-01", "--dry-run")["documents"] == 0
    assert js(rig, "reprocess", "--stage", "sentiment", "--language", "uk", "--dry-run")["documents"] == 3
    assert js(rig, "reprocess", "--stage", "sentiment", "--language", "ru", "--dry-run")["documents"] == 0
    campaign = js(rig, "reprocess", "--stage", "sentiment")
    assert campaign["starts"] == {"sentiment": 3}
    ended(rig, campaign["campaign"])
    rig.settle()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--stage", "poetry"], "no stage is called poetry"),
        (["--stage", "parse", "--rate", "fast"], "documents a second"),
        (["--stage", "parse", "--id", "x"], "0123456789abcdef-01234567"),
        (["--stage", "parse", "--where-stage-version", "old"], "12 hex digits"),
        (["--stage", "parse", "--from", "2026-02-01", "--to", "2026-01-01"], "is after"),
        (["--stage", "parse", "--ids-from", "/nowhere"], "no such file"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_sentence(rig: Rig, arguments: list[str], says: str) -> None:
    assert says in efir(rig, "reprocess", *arguments, status=2)


def test_a_campaign_outlives_every_restart_and_does_nothing_twice(rig: Rig) -> None:
    """Paused half-way; then broker, store, dispatcher and workers are killed; then it goes on where it was."""
    rig.admit(documents(300, "похід"))
    rig.settle()
    time.sleep(1.1)
    campaign = js(rig, "reprocess", "--stage", "topics", "--force", "--rate", "10/s")["campaign"]
    # Read as it is written: a command takes seconds where the machine is busy, and the campaign goes on meanwhile.
    progress = Campaigns(rig.store).progress
    until(lambda: progress(campaign).done >= 60, 120, "part of the campaign")
    efir(rig, "campaigns", "pause", campaign)
    rig.kill_everything()
    rig.start_servers()
    rig.start_worker()
    first = rig.redis.hlen("unacked")
    rig.start_dispatcher()
    time.sleep(8)  # what was enqueued is finished, nothing more is
    view = js(rig, "campaigns", "show", campaign)
    assert view["status"] == "paused" and view["done"] < view["documents"], (view, first)
    done_before = {place: written(rig, "topics", place) for place in sorted(rig.admitted)}
    started = float(rig.store.modified(f"campaigns/all/{campaign}/started") or 0)
    finished = {place: at for place, at in done_before.items() if at is not None and at > started}
    assert len(finished) >= 60
    efir(rig, "campaigns", "resume", campaign)
    view = ended(rig, campaign)
    assert (view["done"], view["failed"]) == (len(rig.admitted), 0)
    assert {place: written(rig, "topics", place) for place in finished} == finished
    rig.settle()


def test_a_campaign_that_the_broker_forgot_is_fed_again(rig: Rig) -> None:
    rig.admit(documents(3, "забуто"))
    rig.settle()
    time.sleep(1.1)
    efir(rig, "queue", "pause", "sentiment")
    campaign = js(rig, "reprocess", "--stage", "sentiment", "--force")["campaign"]
    until(rig.queues.documents, what="the campaign being fed")
    rig.redis.flushall()  # the pause, too
    view = ended(rig, campaign)
    assert (view["done"], view["failed"]) == (len(rig.admitted), 0)


def test_a_cancelled_campaign_stops(rig: Rig) -> None:
    rig.admit(documents(60, "скасовано"))
    rig.settle()
    time.sleep(1.1)
    campaign = js(rig, "reprocess", "--stage", "parse", "--force", "--rate", "5/s")["campaign"]
    until(lambda: js(rig, "campaigns", "show", campaign)["done"] > 0, what="the first documents")
    assert "would be cancelled" in efir(rig, "campaigns", "cancel", campaign, "--dry-run")
    efir(rig, "campaigns", "cancel", campaign)
    view = ended(rig, campaign)
    assert view["status"] == "cancelled" and view["done"] < view["documents"]
    assert "already" in efir(rig, "campaigns", "resume", campaign, status=2)
    rig.settle()
    assert list(rig.store.list(f"campaigns/all/{campaign}/pages/")) == []


def test_quarantine_is_looked_at_replayed_and_never_loops(rig: Rig) -> None:
    (bad,) = rig.admit(documents(1, "погано", "хиба"))
    rig.settle()
    (entry,) = (json.loads(line) for line in efir(rig, "quarantine", "ls", "--json").splitlines())
    assert (entry["document"], entry["reason"], entry["tries"]) == (bad.id, "ValueError", 1)
    assert bad.id in efir(rig, "quarantine", "ls", "--reason", "ValueError", "--stage", "parse")
    assert "nothing" in efir(rig, "quarantine", "ls", "--reason", "TooSlow")
    shown = efir(rig, "quarantine", "show", bad.id)
    assert "Traceback" not in shown.splitlines()[0] and "raise ValueError" in shown and "погано" in shown
    assert "1 entries would" in efir(rig, "quarantine", "replay", "--all", "--dry-run")
    assert "say which" in efir(rig, "quarantine", "replay", status=2)
    assert "1 documents are in the replay lane" in efir(rig, "quarantine", "replay", bad.id)
    until(lambda: [entry.tries for entry in rig.quarantine.of(bad)] == [2], what="coming back to quarantine")
    rig.settle()
    assert "dropped 1" in efir(rig, "quarantine", "drop", "--all", "--yes")
    assert rig.books().in_flight == 1
    rig.admitted.remove(bad)


def test_a_replay_that_succeeds_leaves_quarantine(rig: Rig) -> None:
    (place,) = rig.admit(documents(1, "помилково"))
    rig.settle()
    entry = b'{"document":"%s","place":"%s","stage":"parse","error":"x","traceback":"","deliveries":1,"at":"%s"}'
    values = (place.id.encode(), place.path.encode(), b"2026-01-01T00:00:00Z")
    rig.store.replace(quarantine_key("parse", place), entry % values)
    efir(rig, "quarantine", "replay", place.id)
    until(lambda: rig.quarantine.of(place) == [], what="leaving quarantine")
    rig.settle()


def test_a_bad_deploy_opens_the_breaker_instead_of_filling_quarantine(rig: Rig) -> None:
    bad = rig.admit(documents(120, "розгортання", "хиба"))
    until(lambda: "parse" in paused(rig.redis), what="the breaker opening")
    assert paused(rig.redis)["parse"].by == "breaker"
    until(lambda: rig.redis.hlen("unacked") == 0, what="what is in hand being finished")
    held = rig.queues.documents()
    given_up = sum(1 for _ in rig.quarantine.entries())
    assert given_up < 60
    assert held + given_up == 120
    assert "paused by the breaker" in " ".join(efir(rig, "queue", "ls").split())
    # The deploy is mended: nothing was lost, what waited and what was given up is tried again.
    for worker in rig.workers:
        worker.terminate()
        worker.wait(180)
    rig.workers = []
    rig.start_worker(module="services.worker")
    efir(rig, "queue", "resume", "parse")
    efir(rig, "quarantine", "replay", "--reason", "ValueError")
    until(lambda: rig.books().recorded == len(rig.admitted), 180, "all records")
    rig.settle()
    assert all(rig.quarantine.find(place) is None for place in bad)


def test_too_much_waiting_closes_the_door(rig: Rig, tmp_path: Path) -> None:
    efir(rig, "queue", "pause", "parse")
    rig.admit(documents(12, "перед дверима"))
    for number in range(30):
        (tmp_path / f"{number:02}.txt").write_text(f"Добрий день, це новина {number}.")
    marks = {"EFIR_HIGH_WATER": "10", "EFIR_LOW_WATER": "5", "EFIR_BATCH_DOCUMENTS": "4"}
    said = efir(rig, "ingest", tmp_path, "--no-wait", status=os.EX_TEMPFAIL, **marks)
    assert "not admitted" in said and "documents wait to be processed" in said
    waiting = subprocess.Popen(
        [EFIR, "ingest", str(tmp_path)],
        env={**os.environ, **_as_environment(rig.settings), **marks},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(4)
    assert waiting.poll() is None
    efir(rig, "queue", "resume", "parse")
    out, err = waiting.communicate(timeout=120)
    assert waiting.returncode == 0
    assert len(set(out.split())) == 30
    assert "waiting: " in err


def test_a_dispatcher_that_gets_nowhere_says_so(rig: Rig) -> None:
    (port,) = free_ports(1)
    rig.start_dispatcher(metrics_port=port, progress_seconds=2.0)
    address = f"http://127.0.0.1:{port}"

    def health() -> int:
        try:
            return httpx.get(f"{address}/healthz", timeout=10).status_code
        except httpx.TransportError:
            return 0

    until(lambda: health() == 200, what="the dispatcher answering")  # it waits to take over, and is healthy
    assert "efir_build_info{" in httpx.get(f"{address}/metrics", timeout=10).text
    server = rig.server("valkey-server")
    server.suspend()
    try:
        until(lambda: health() == 503, what="the dispatcher being unhealthy")
    finally:
        server.resume()
    until(lambda: health() == 200, what="the dispatcher being healthy again")
    rig.settle()


def test_help_tells_of_every_command(rig: Rig) -> None:
    verbs = {
        "queue": ("ls", "pause", "resume", "purge"),
        "campaigns": ("ls", "show", "pause", "resume", "cancel"),
        "quarantine": ("ls", "show", "replay", "drop"),
    }
    for command, names in verbs.items():
        said = efir(rig, command, "--help")
        assert all(name in said for name in names)
    assert "--where-stage-version" in efir(rig, "reprocess", "--help", COLUMNS="120")
