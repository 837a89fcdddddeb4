"""Large files, over a network that is not always there."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from tenacity import wait_none

from services import downloading
from services.downloading import Downloader, DownloadError, client
from tests.services.stand_in_hub import StandInHub

PATH = "/models/a.pt"
DATA = bytes(range(256)) * 4000
MOST = 10_000_000


@pytest.fixture
def hub() -> Iterator[StandInHub]:
    with StandInHub().running() as server:
        server.files[PATH] = DATA
        yield server


class Saving:
    """One file, and what was told of it."""

    def __init__(self, hub: StandInHub, folder: Path) -> None:
        self.hub, self.to = hub, folder / "a.pt"
        self.told: list[tuple[int, int | None]] = []

    def __call__(self, tries: int = 4, most_bytes: int = MOST, path: str = PATH) -> bytes:
        with client() as http:
            downloader = Downloader(http, wait_none(), tries)
            md5 = (self.hub.md5(PATH),)
            downloader.save(f"{self.hub.url}{path}", self.to, md5, most_bytes, lambda *told: self.told.append(told))
        return self.to.read_bytes()

    def rest(self) -> list[str]:
        return sorted(path.name for path in self.to.parent.iterdir())


@pytest.fixture
def save(hub: StandInHub, tmp_path: Path) -> Saving:
    return Saving(hub, tmp_path)


def test_a_file_comes_whole_and_is_not_fetched_twice(save: Saving, hub: StandInHub) -> None:
    assert save() == DATA
    assert save.told[0] == (0, len(DATA)) and save.told[-1] == (len(DATA), len(DATA))
    assert save() == DATA
    assert len(hub.asked) == 1 and save.rest() == ["a.pt"]


def test_what_breaks_off_is_gone_on_with(save: Saving, hub: StandInHub) -> None:
    hub.cut[PATH] = [300_000, 100_000]
    assert save() == DATA
    assert [asked for _, asked in hub.asked] == ["", "bytes=300000-", "bytes=400000-"]


def test_an_interrupted_download_is_gone_on_with_by_the_next(save: Saving, hub: StandInHub) -> None:
    hub.cut[PATH] = [300_000]
    with pytest.raises(DownloadError, match="same command again: what was fetched is kept"):
        save(tries=1)
    assert not save.to.exists()
    assert save(tries=1) == DATA
    assert hub.asked[-1] == (PATH, "bytes=300000-")


def test_a_server_that_does_no_ranges_sends_it_all_again(save: Saving, hub: StandInHub) -> None:
    hub.cut[PATH], hub.does_ranges = [300_000], False
    assert save() == DATA


def test_a_beginning_that_was_damaged_where_it_lay_is_thrown_away(save: Saving, hub: StandInHub) -> None:
    hub.cut[PATH] = [300_000]
    with pytest.raises(DownloadError):
        save(tries=1)
    (part,) = save.to.parent.glob(".*.part")
    part.write_bytes(b"x" * 300_000)
    assert save() == DATA
    with pytest.raises(DownloadError), client() as http:
        hub.cut[PATH] = [300_000]
        save.to.unlink()
        Downloader(http, wait_none(), 1).save(f"{hub.url}{PATH}", save.to, [hub.md5(PATH)], MOST, lambda *_: None)
    part.write_bytes(DATA + b"more")  # longer than the file: the server has nothing after it
    assert save() == DATA


def test_another_digest_is_an_error_and_leaves_nothing(save: Saving, hub: StandInHub) -> None:
    hub.damaged.add(PATH)
    with pytest.raises(DownloadError, match=r"its MD5 is [0-9a-f]{32}, and the list of resources promises"):
        save()
    assert save.rest() == []
    hub.damaged.clear()
    assert save() == DATA


def test_a_busy_server_is_asked_again(save: Saving, hub: StandInHub) -> None:
    hub.busy[PATH] = 2
    assert save() == DATA
    hub.busy[PATH] = 9
    save.to.unlink()
    with pytest.raises(DownloadError, match="503"):
        save()


def test_a_redirect_is_followed(save: Saving, hub: StandInHub) -> None:
    hub.moved["/here"] = PATH
    assert save(path="/here") == DATA


def test_what_is_not_there_or_too_large_is_told_at_once(save: Saving, hub: StandInHub) -> None:
    with pytest.raises(DownloadError, match="no such file"):
        save(path="/models/b.pt")
    with pytest.raises(DownloadError, match="no such file has more than 1,000"):
        save(most_bytes=1000)
    assert len(hub.asked) == 2
    with pytest.raises(DownloadError, match="larger than 1,000"), client() as http:
        Downloader(http).read(f"{hub.url}{PATH}", 1000)


def test_offline_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"cannot be reached.*on one that can"), client() as http:
        Downloader(http, wait_none()).read("http://127.0.0.1:1/list", MOST)
    with pytest.raises(DownloadError, match="not an address"), client() as http:
        Downloader(http, wait_none()).read("ftp://127.0.0.1/list", MOST)


def test_a_full_disk_is_told(save: Saving, hub: StandInHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(DownloadError, match="MB free"):
        save()
    monkeypatch.undo()

    def full(*_: object) -> Iterator[bytes]:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(downloading, "_bounded", full)
    with pytest.raises(DownloadError, match="the disk is full"):
        save()
