"""efir ingest and efir run, as far as they need no worker."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.store import ArtifactStore
from services import broker
from services.cli import app
from services.embedded import _as_environment
from services.settings import Settings
from tests.services.counted import rejections


@pytest.mark.parametrize("command", ["ingest", "run"])
def test_what_no_reader_could_read_is_counted(
    settings: Settings, store: ArtifactStore, tmp_path: Path, command: str
) -> None:
    (tmp_path / "a.txt").write_bytes(b"\x00\x01")
    (tmp_path / "b.jsonl").write_text('{"text": "123"}\nnonsense\n')
    (tmp_path / "c.srt").write_text("Без часу.")
    broker.connect(settings).flushdb()
    before = rejections(settings)
    environment = _as_environment(settings.model_copy(update={"store_bucket": store._bucket}))
    result = CliRunner().invoke(app, [command, str(tmp_path)], env=environment)
    assert result.exit_code == 1, result.output
    assert rejections(settings) - before == {
        ("unknown", "binary"): 1,
        ("unknown", "unreadable"): 1,
        ("unknown", "not-subtitles"): 1,
        ("json", "empty"): 1,
    }
