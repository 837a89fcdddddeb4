"""The main job from end to end, through the console script, on real servers and real workers."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import jsonschema
import psutil
import pytest

from pipeline.artifact import Record
from pipeline.graph import STAGES
from pipeline.identity import place_of_id
from pipeline.models.bundle import Bundle
from pipeline.store import StoreUnavailable, record_key
from services import broker
from services.exporter.process import address_of
from services.quarantine import Quarantine
from services.queues import depths
from tests.conftest import EXAMPLE
from tests.pipeline.stages.test_stages import assert_valid
from tests.system.conftest import EFIR, VISIBILITY_SECONDS, Running, efir
from tests.system.rig import ROOT, until

UDVALIDATE = Path(sys.executable).parent / "udvalidate"
SCHEMA = Path(__file__).parents[2] / "docs" / "schemas" / "record.schema.json"


def index_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "index.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def example(running: Running, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `efir run --out` wrote for the example."""
    out = tmp_path_factory.mktemp("out")
    done = running.efir("run", EXAMPLE, "--out", out)
    assert done.returncode == 0, done.stderr
    for said in ("Topics", "Entities", "Рустем Умєров ×2", "Туреччина ×3", "most positive", "33 sentences, 440 tokens"):
        assert said in done.stdout
    return out


@pytest.fixture(scope="module")
def record(example: Path) -> dict[str, Any]:
    (line,) = index_of(example)
    assert line == {"input": str(EXAMPLE), "id": line["id"], "status": "done", "reason": None}
    result: dict[str, Any] = json.loads((example / f"{line['id']}.json").read_text())
    return result


def test_the_record_is_of_the_published_schema(record: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(record)
    assert record["schema"] == "efir.record/1"
    assert set(record) == set(Record.__struct_fields__)


def test_the_pages_that_show_the_example_name_its_id(record: dict[str, Any]) -> None:
    for page in ("README.md", "docs/data-format.md", "docs/operating.md"):
        assert record["id"] in (ROOT / page).read_text(), page


def test_every_number_of_the_record_hangs_together(record: dict[str, Any]) -> None:
    text = record["text"]
    assert text == EXAMPLE.read_text()
    for entity in record["entities"]:
        for mention in entity["mentions"]:
            assert text[mention["start"] : mention["end"]] == mention["text"]
            sentence = record["sentences"][mention["sentence"]]
            assert sentence["start"] <= mention["start"] < mention["end"] <= sentence["end"]
    assert all(sentence["sentiment"] in {"negative", "neutral", "positive"} for sentence in record["sentences"])
    assert len({sentence["score"] for sentence in record["sentences"]}) > 10
    # The top level first, then the second; best first in each.
    topics = [(not topic["id"].endswith("000000"), -topic["confidence"]) for topic in record["topics"]]
    assert topics == sorted(topics)
    assert all(topic["id"].startswith("medtop:") for topic in record["topics"])


def test_every_artifact_lies_under_its_stage_and_fingerprint(
    record: dict[str, Any], running: Running, bundle: Bundle
) -> None:
    assert list(record["stages"]) == list(STAGES)
    for stage, run in record["stages"].items():
        assert run["fingerprint"] == bundle.fingerprints[stage]
        assert run["artifact"].startswith(f"{stage}/{run['fingerprint']}/")
        artifact = json.loads(running.store.get(run["artifact"]))
        assert artifact["document"] == record["id"]
        assert artifact["schema"] == f"efir.{stage}/1"
        assert run["seconds"] > 0


def test_the_conllu_is_valid_and_the_same_in_the_store(record: dict[str, Any], example: Path, running: Running) -> None:
    path = example / f"{record['id']}.conllu"
    written = path.read_text()
    assert_valid(written)
    judge = subprocess.run(
        [UDVALIDATE, "--lang", "uk", "--level", "2", path], capture_output=True, text=True, check=False
    )
    assert judge.returncode == 0, judge.stdout + judge.stderr  # the validator of Universal Dependencies
    assert written.count("# sent_id = ") == len(record["sentences"])
    key = record["stages"]["parse"]["artifact"].replace(".json", ".conllu")
    assert running.store.get(key).decode() == written


def test_the_same_input_twice_is_one_document(record: dict[str, Any], running: Running, tmp_path: Path) -> None:
    before = running.status()
    copy = tmp_path / "copy.txt"
    copy.write_text(EXAMPLE.read_text())
    again = running.efir("run", EXAMPLE, copy, "--json")
    assert again.returncode == 0
    assert [json.loads(line)["id"] for line in again.stdout.splitlines()] == [record["id"]] * 2
    after = running.status()
    assert (before["documents"], before["records"]) == (after["documents"], after["records"])


def test_bad_inputs_are_named_and_the_others_are_finished(running: Running, tmp_path: Path) -> None:
    cases = {
        "empty.txt": (b"", "empty"),
        "noise.txt": (bytes(range(128, 256)), "not-text"),
        "binary.txt": (b"\x00\x01\x02", "binary"),
        "large.txt": (("слово " * 400_000).encode(), "too-large"),
        "broken.json": (b'{"text": ', "unreadable"),
        "picture.png": (b"PNG", "unknown-format"),
    }
    for name, (data, _) in cases.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "good.txt").write_text("Добрий вечір, ми з України.")
    (tmp_path / "english.txt").write_text("This is not a Ukrainian text at all.")
    named = [*(tmp_path / name for name in cases), tmp_path / "missing.txt"]
    inputs = [*named, tmp_path / "english.txt", tmp_path / "good.txt"]
    done = running.efir("run", *inputs, "--out", tmp_path / "out")
    assert done.returncode == 1
    lines = index_of(tmp_path / "out")
    assert [Path(line["input"]).name for line in lines] == [path.name for path in inputs]
    reasons = {Path(line["input"]).name: line["reason"] for line in lines}
    for name, (_, reason) in cases.items():
        assert reasons[name].startswith(f"{reason}: "), reasons[name]
    assert reasons["missing.txt"] == "unreadable: No such file or directory"
    assert [line["status"] for line in lines] == ["rejected"] * len(named) + ["unsupported", "done"]
    assert running.status()["unsupported"] == {"en": 1}
    assert "rejected" in done.stderr
    assert "good" in done.stdout
    assert "Traceback" not in done.stderr


def test_every_document_of_a_file_has_its_line(running: Running, tmp_path: Path) -> None:
    lines = ('{"text": "Добрий вечір, ми з України."}', "{", '{"text": "Сьогодні в Києві відкрили новий міст."}')
    (tmp_path / "feed.jsonl").write_text("\n".join(lines))
    (tmp_path / "old.srt").write_bytes("1\n00:00:01,000 --> 00:00:03,000\nДобрий ранок, Україно!\n".encode("cp1251"))
    done = running.efir("run", tmp_path / "feed.jsonl", tmp_path / "old.srt", "--out", tmp_path / "out")
    assert done.returncode == 1
    found = index_of(tmp_path / "out")
    assert [Path(line["input"]).name for line in found] == ["feed.jsonl:1", "feed.jsonl:2", "feed.jsonl:3", "old.srt"]
    assert [line["status"] for line in found] == ["done", "rejected", "done", "done"]
    assert found[1]["reason"].startswith("unreadable: line 2: ")
    record = json.loads((tmp_path / "out" / f"{found[3]['id']}.json").read_text())
    assert record["text"] == "Добрий ранок, Україно!"
    assert [(each["begins"], each["ends"]) for each in record["segments"]] == [(1.0, 3.0)]


def test_a_file_that_may_not_be_read_is_named(running: Running, tmp_path: Path) -> None:
    folder = tmp_path / "folder.txt"
    folder.mkdir()
    done = running.efir("run", folder)
    assert done.returncode == 0
    assert "no .txt or .json file in it" in done.stderr


def long_text(number: int) -> str:
    """About ten seconds of parsing."""
    return f"Документ {number}. " + (EXAMPLE.read_text() + "\n\n") * 16


def test_a_killed_pool_process_loses_nothing(running: Running, tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text(long_text(1))
    (document,) = running.efir("ingest", path).stdout.split()
    child = busy_child(running)
    child.kill()
    assert wait_for_record(running, document, 180)
    assert Quarantine(running.store).find(place_of(running, document)) is None


def test_a_killed_worker_loses_nothing(running: Running, tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text(long_text(2))
    (document,) = running.efir("ingest", path).stdout.split()
    busy_child(running)
    worker = running.worker()
    children = worker.children()
    worker.kill()
    # Its pool goes with it, so that nobody works on unheard; the supervisor starts another worker.
    psutil.wait_procs(children, timeout=30)
    assert not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children)
    assert wait_for_record(running, document, VISIBILITY_SECONDS + 180)


@pytest.mark.parametrize(("number", "server"), [(4, "weed"), (5, "valkey-server")])
def test_a_killed_server_is_waited_for(running: Running, tmp_path: Path, number: int, server: str) -> None:
    """The worker has a document in hand; the supervisor starts the server again on the data it kept."""
    path = tmp_path / "long.txt"
    path.write_text(long_text(number))
    (document,) = running.efir("ingest", path).stdout.split()
    busy_child(running)
    (process,) = [child for child in psutil.Process(running.process.pid).children() if server in child.cmdline()[0]]
    process.kill()
    assert wait_for_record(running, document, VISIBILITY_SECONDS + 180)
    assert Quarantine(running.store).find(place_of(running, document)) is None


def busy_child(running: Running) -> psutil.Process:
    """The pool process that works on the one message that is out."""
    until(lambda: running.redis.hlen("unacked"), what="the message being taken")
    children = running.worker().children()
    for child in children:
        child.cpu_percent()
    time.sleep(0.7)
    return max(children, key=lambda child: child.cpu_percent())


def place_of(running: Running, document: str) -> Any:
    return place_of_id(running.store, document)


def wait_for_record(running: Running, document: str, seconds: float) -> bool:
    def is_there() -> bool:
        try:
            return running.store.exists(record_key(place_of(running, document)))
        except StoreUnavailable:  # when it was the store that was killed
            return False

    return bool(until(is_there, seconds, "the record"))


def test_a_task_longer_than_its_lease_runs_once(running: Running, tmp_path: Path) -> None:
    """Without renewal it would be delivered again after the visibility timeout, and run twice at once."""
    # A document that lost its broker is recorded by whoever had it in hand, and delivered again all the same.
    until(lambda: not (running.redis.hlen("unacked") or any(depths(running.redis).values())), what="nothing to do")
    before = scrape(running)
    path = tmp_path / "long.txt"
    path.write_text(long_text(3) * 2)
    started = time.monotonic()
    done = running.efir("run", path)
    assert done.returncode == 0
    assert time.monotonic() - started > VISIBILITY_SECONDS
    after = scrape(running)
    for stage in STAGES:
        done_now, present_now = (
            f'efir_documents_total{{lane="live",outcome="{outcome}",stage="{stage}"}}'
            for outcome in ("done", "present")
        )
        assert after[done_now] == before.get(done_now, 0) + 1
        assert after.get(present_now, 0) == before.get(present_now, 0)


def scrape(running: Running) -> dict[str, float]:
    """The metrics of the worker that is there now; one that was killed is still announced for a while."""

    def announced() -> Any:
        pid = running.worker().pid
        return next((worker for worker in running.status()["workers"] if worker["pid"] == pid), None)

    worker = until(announced, what="the worker being present")
    text = urllib.request.urlopen(worker["metrics"]).read().decode()
    rows = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in rows}


def test_metrics_tell_what_was_done(running: Running, tmp_path: Path) -> None:
    path = tmp_path / "new.txt"
    path.write_text("Сьогодні Президент України зустрівся з послами в Києві. Говорили про гарантії безпеки.")
    before = scrape(running)
    assert running.efir("run", path).returncode == 0
    after = scrape(running)
    grown = {name for name, value in after.items() if value > before.get(name, 0)}
    for expected in (
        'efir_documents_total{lane="live",outcome="done",stage="parse"}',
        'efir_stage_seconds_count{stage="topics"}',
        'efir_batch_documents_count{stage="entities"}',
        'efir_tokens_total{stage="parse"}',
        'efir_store_operation_seconds_count{operation="create"}',
        'efir_records_total{lane="live"}',
        'efir_record_age_seconds_count{lane="live"}',
    ):
        assert expected in grown, expected
    assert not any(name.startswith("efir_queue_messages") for name in after)  # those are nobody's: the exporter's


def test_the_exporter_tells_of_the_installation(running: Running, tmp_path: Path) -> None:
    client = broker.connect(running.settings)
    address = until(lambda: address_of(client), what="the exporter being present")

    def said() -> dict[str, float]:
        text = urllib.request.urlopen(address).read().decode()
        rows = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, _, value in rows}

    path = tmp_path / "exported.txt"
    path.write_text("Верховна Рада України ухвалила закон про підтримку шкіл у громадах поблизу Харкова.")
    before = said()
    assert running.efir("run", path).returncode == 0
    admitted = 'efir_admissions_total{format="text",verdict="admitted"}'
    read = 'efir_content_documents_total{lane="live",language="uk"}'

    def is_counted() -> bool:
        # By the command, which has ended, and by a worker: within a second or two.
        after = said()
        return all(after.get(name, 0) == before.get(name, 0) + 1 for name in (admitted, read))

    until(is_counted, 60, "the count of the document")
    after = said()
    assert after["efir_broker_up"] == after["efir_store_up"] == after["efir_dispatcher_active"] == 1
    assert after['efir_queue_messages{lane="live",stage="parse"}'] == 0
    assert after['efir_worker_processes{lane="live",stage="parse"}'] == 2
    assert after['celery_active_worker_count{queue_name="topics.replay"}'] == 1
    assert 1 in {value for name, value in after.items() if name.startswith("celery_worker_up")}
    assert time.time() - after['efir_last_record_timestamp_seconds{lane="live"}'] < 60
    assert not [name for name in after if "efir_documents_total" in name]  # what workers say is not said twice


def test_the_log_has_one_json_line_an_event_with_document_and_stage(running: Running, record: dict[str, Any]) -> None:
    lines = (running.state / "log" / "worker.log").read_text().splitlines()
    events = [json.loads(line) for line in lines if line.startswith("{")]
    of_stage = [event for event in events if event.get("document") == record["id"] and event["event"] == "stage done"]
    assert {event["stage"] for event in of_stage} == set(STAGES)
    strange = [line for line in lines if line and not line.startswith("{")]
    assert strange == []


def test_show_and_ingest_and_status_speak_to_people(running: Running, record: dict[str, Any]) -> None:
    shown = running.efir("show", record["id"])
    assert shown.returncode == 0 and "Рустем Умєров" in shown.stdout
    assert json.loads(running.efir("show", record["id"], "--json").stdout) == record
    unknown = running.efir("show", "0" * 16 + "-" + "0" * 8)
    assert unknown.returncode == 1 and "was admitted" in unknown.stderr
    assert running.efir("show", "nonsense").returncode == 2
    assert running.efir("ingest", EXAMPLE).stdout.strip() == record["id"]
    status = running.efir("status")
    assert status.returncode == 0
    assert "documents admitted" in status.stdout and "parse" in status.stdout


def test_a_second_up_on_the_same_folder_is_refused(running: Running) -> None:
    second = running.efir("up")
    assert second.returncode == 1
    assert "another efir runs" in second.stderr


def test_a_run_of_its_own_leaves_nothing_running_and_keeps_its_data(tmp_path: Path) -> None:
    state = tmp_path / "own"
    first = efir("run", EXAMPLE, state=state)
    assert first.returncode == 0, first.stderr
    assert processes_in(state) == []
    again = efir("run", EXAMPLE, "--json", state=state)
    assert again.returncode == 0
    assert json.loads(again.stdout)["title"] == "zvernennia"
    assert "document to read" not in again.stderr  # known from the run before
    assert processes_in(state) == []


def test_a_terminated_run_stops_what_it_started(tmp_path: Path) -> None:
    state = tmp_path / "own"
    process = subprocess.Popen([EFIR, "run", str(EXAMPLE), "--state", str(state)], stderr=subprocess.DEVNULL)
    until(lambda: len(processes_in(state)) >= 3, what="the worker being started")
    process.send_signal(signal.SIGTERM)
    assert process.wait(180) == 128 + signal.SIGTERM
    assert processes_in(state) == []


def test_a_killed_run_leaves_no_orphans(tmp_path: Path) -> None:
    state = tmp_path / "own"
    process = subprocess.Popen([EFIR, "run", str(EXAMPLE), "--state", str(state)], stderr=subprocess.DEVNULL)
    until(lambda: len(processes_in(state)) >= 3, what="the worker being started")
    process.kill()
    process.wait()
    until(lambda: processes_in(state) == [], 60, "the end of its children")


def processes_in(state: Path) -> list[psutil.Process]:
    """Processes that work in an installation's folder, zombies left out."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(state) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found
