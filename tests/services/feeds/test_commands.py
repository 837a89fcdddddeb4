"""`efir feeds`, on the tests' broker and store and a real web server."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipeline.artifact import decode
from pipeline.store import ArtifactStore
from pipeline.transcript import Document
from services import broker
from services.cli import app
from services.embedded import _as_environment
from services.feeds.subscriptions import feed_id
from services.settings import Settings
from tests.services.feeds.rig import item, rss
from tests.services.feeds.site import Answer, Site
from tests.system.conftest import EFIR

TEXT = "Сьогодні в Києві відкрили новий міст через Дніпро, рух ним почався о восьмій ранку."


@pytest.fixture
def site() -> Iterator[Site]:
    """In a thread of its own, because commands block."""
    loop, found = asyncio.new_event_loop(), Site()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    asyncio.run_coroutine_threadsafe(found.__aenter__(), loop).result(5)
    found.pages["/feed"] = Answer(200, {"ETag": '"1"'}, rss(item(1, TEXT), head="<link>https://example.org/</link>"))
    yield found
    loop.call_soon_threadsafe(loop.stop)


@pytest.fixture
def environment(settings: Settings, store: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    bucket = store._bucket
    chosen = settings.model_copy(update={"store_bucket": bucket, "fetch_allow": "127.0.0.1", "metrics_port": 0})
    broker.connect(settings).flushdb()
    found = _as_environment(chosen)
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    return found


def efir(*arguments: str, status: int = 0) -> Result:
    result = CliRunner().invoke(app, ["feeds", *arguments])
    assert result.exit_code == status, result.output
    return result


def listed() -> list[dict[str, object]]:
    return [json.loads(line) for line in efir("ls", "--json").output.splitlines()]


def test_from_a_subscription_to_a_document(
    environment: dict[str, str], site: Site, store: ArtifactStore, tmp_path: Path
) -> None:
    url = site.url("/feed")
    name = feed_id(url)
    assert name in efir("add", url, "--source", "Міські новини").output
    assert "now" in efir("ls").output or "in" in efir("ls").output
    done = subprocess.run(
        [EFIR, "feeds", "run", "--once"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (key,) = store.list("documents/")
    document = decode(store.get(key), Document, key)
    assert (document.text, document.guid, document.format) == (TEXT, "urn:news:1", "feed")
    (line,) = listed()
    assert line["title"] == "Новини" and line["entries"] == 1
    assert line["pulse"]["outcome"] == "changed"  # type: ignore[index]
    assert "Новини" in efir("ls").output
    # Other options: what was seen is kept, what was learnt is learnt anew.
    efir("add", url, "--interval", "900")
    (line,) = listed()
    assert line["entries"] == 1 and line["options"] == {"interval": 900.0}

    file = tmp_path / "feeds.opml"
    efir("export", str(file))
    efir("rm", name, "--yes")
    assert listed() == [] and broker.connect(Settings()).zcard("efir:feeds:due") == 0
    efir("import", str(file))
    assert [(line["url"], line["options"]) for line in listed()] == [(url, {"interval": 900.0})]


def test_check_says_what_a_feed_is_and_admits_nothing(
    environment: dict[str, str], site: Site, store: ArtifactStore
) -> None:
    said = efir("check", site.url("/feed")).output
    assert "rss20" in said and "Новина 1" in said and "http, not https" in said
    assert list(store.list("")) == []
    page = b'<html><head><link rel="alternate" type="application/rss+xml" href="/feed"></head><body>x</body></html>'
    site.pages["/"] = Answer(200, {"Content-Type": "text/html"}, page)
    said = efir("check", site.url("/"), status=1).output
    assert "not-a-feed" in said and site.url("/feed") in said
    assert "refused-address" in efir("check", "http://169.254.169.254/latest/", status=1).output


def test_what_cannot_be_subscribed_to_is_named(environment: dict[str, str], site: Site, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text(f"url\nftp://example.org/feed\n{site.url('/feed')}\n")
    efir("import", str(file), status=1)
    assert [line["url"] for line in listed()] == [site.url("/feed")], "the others are subscribed to"
    efir("add", "http://user:secret@example.org/", status=1)
    efir("rm", "0123456789abcdef", "--yes", status=2)
    efir("import", str(tmp_path / "none"), status=2)
