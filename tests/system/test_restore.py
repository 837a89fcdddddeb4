"""What can be lost can be had again: the restore drill, with a few documents."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from tests.system.drill import Drill
from tests.system.rig import Rig, efir, js

DAY = date(2026, 3, 1)


@pytest.fixture(scope="module")
def drill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drill]:
    with Rig(tmp_path_factory.mktemp("rig"), stage_seconds=30.0) as rig:
        rig.start_worker("services.worker")
        yield Drill(rig)


def test_what_was_on_its_way_survives_the_loss_of_the_brokers_data(drill: Drill) -> None:
    on_their_way, books = drill.lose_the_broker(3, DAY)
    assert on_their_way >= 5 and books.recorded == 9


def test_lost_records_are_joined_from_their_artifacts_and_no_model_runs(drill: Drill) -> None:
    drill.admit(2, DAY + timedelta(days=1))
    drill.rig.settle()
    assert drill.lose_a_day_of_records(DAY)[0] == 9


def test_lost_artifacts_of_a_stage_are_made_again_and_no_other_stage_runs(drill: Drill) -> None:
    drill.rig.start_dispatcher()
    assert drill.lose_a_day_of_a_stage("topics", DAY)[0] == 9


def test_a_store_that_was_copied_is_whole_and_nothing_is_to_be_done(drill: Drill) -> None:
    assert drill.move("moved") >= 11 * 8
    said = js(drill.rig, "recover", "--dry-run", EFIR_STORE_BUCKET="moved")
    assert (said["documents"], said["joins"]) == (0, 0)
    assert "0 documents would be" in efir(
        drill.rig, "reprocess", "--stage", "parse", "--dry-run", EFIR_STORE_BUCKET="moved"
    )
    status = js(drill.rig, "status", EFIR_STORE_BUCKET="moved")
    assert (status["documents"], status["records"]) == (11, 11)
