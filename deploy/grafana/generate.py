"""Write the dashboards as Grafana reads them: `python -m deploy.grafana.generate [--runbooks ADDRESS]`.

The same code gives the same bytes, so that a test can tell whether what is committed is what the code says.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from deploy.grafana.boards import BOARDS
from deploy.grafana.boards.parts import RUNBOOKS

FOLDER = Path(__file__).parent / "dashboards"


def generated(runbooks: str = RUNBOOKS) -> dict[str, str]:
    """File name -> JSON."""
    boards = [make(runbooks) for make in BOARDS]
    return {
        f"{board.uid}.json": json.dumps(board, cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        for board in boards
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the dashboards.")
    parser.add_argument("--runbooks", default=RUNBOOKS, help="where your team reads docs/runbooks")
    FOLDER.mkdir(exist_ok=True)
    for name, text in generated(parser.parse_args().runbooks).items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()
