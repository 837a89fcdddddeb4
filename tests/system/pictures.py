"""The pictures of the dashboards in docs/images: `make dashboards-png [DURATION=300]`.

An installation is loaded for some minutes, with a little of everything that happens: duplicates, rejected input, a
campaign, documents that fail, a worker that is killed, a store that is away. Then each panel's queries are asked, and
the answers drawn.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from deploy.grafana.drawing.page import Span, draw
from deploy.grafana.generate import FOLDER
from pipeline.transcript import Transcript
from tests.system.observed import Observed
from tests.system.rig import ROOT

IMAGES = ROOT / "docs" / "images"
_RATE = 4.0  # documents a second, below what two processes can do
_SCRAPE = 3.0  # seconds: rates over four scrapes are smooth enough to be looked at


def happenings(observed: Observed, seconds: float) -> list[tuple[float, Callable[[], object]]]:
    """What happens to the installation, and when, as a share of the time."""
    rig = observed.rig

    def failing() -> None:
        observed.send([Transcript(text=f"У повідомленні {number} є хиба.", source="step") for number in range(6)])

    def away() -> None:
        store = rig.server("weed")
        store.suspend()
        time.sleep(min(20.0, 0.08 * seconds))
        store.resume()

    def killed() -> None:
        rig.kill(rig.workers[0])
        rig.start_worker()
        observed.watch_workers()

    return [
        (0.25, lambda: observed.efir("reprocess", "--stage", "topics", "--force", "--rate", "1/s")),
        (0.45, failing),
        (0.6, away),
        (0.8, killed),
    ]


def paint(observed: Observed, start: float, to: Path, chosen: Sequence[str] = ()) -> None:
    span = Span(start, time.time(), _SCRAPE)
    for path in sorted(FOLDER.glob("*.json")):
        board = json.loads(path.read_text())
        stage = {"stage": "parse"} if path.stem == "efir-stage" else {}
        name = path.stem.removeprefix("efir-")
        if not chosen or name in chosen:
            draw(board, observed.prometheus.api, stage, span, to / f"dashboard-{name}.png")


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw the dashboards of a loaded installation.")
    parser.add_argument("--duration", type=float, default=300, help="seconds of load")
    parser.add_argument("--to", type=Path, default=IMAGES)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Observed(Path(folder), scrape_seconds=_SCRAPE) as observed:
        start = time.time()
        sender = observed.load(asked.duration, _RATE)
        for share, happen in happenings(observed, asked.duration):
            time.sleep(max(0.0, start + share * asked.duration - time.time()))
            happen()
        sender.join()
        paint(observed, start, asked.to)


if __name__ == "__main__":
    main()
