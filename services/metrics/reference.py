"""docs/metrics.md, written from the catalogue."""

from __future__ import annotations

import textwrap

import services.metrics  # noqa: F401 (it fills the catalogue)
from services.metrics.forms import CATALOGUE, Entry, Section

_HEAD = """# Metrics

Every metric of Efir, under the question that it answers. Written from the catalogue, `services/metrics/catalogue/`, by
`python -m services.metrics > docs/metrics.md`.

Who exports it stands in the column *by*; each process serves `/metrics`, in OpenMetrics when the scraper asks for it:

- **worker**: `efir worker`, on EFIR_METRICS_HOST and EFIR_METRICS_PORT. What its processes did.
- **exporter**: `efir exporter`, on EFIR_EXPORTER_HOST and EFIR_EXPORTER_PORT. What belongs to the installation and to
  no process: queues, quarantine, campaigns, broker, store, and the counts kept in the broker. Run one; a second one
  exports the same again, for `max`, not for `sum`.
- **api**, **feeds**, **dispatcher**: `efir api`, `efir feeds run`, `efir dispatcher`, on EFIR_METRICS_HOST and
  EFIR_METRICS_PORT. What these processes did.

Each also exports the usual `process_*` of its (main) process.

A worker is a main process and a pool; what its processes count is added up by the main one, from files that they share.
Exemplars are not kept in such files. To keep the account costs 0.25 ms for a message of 32 documents.

What belongs to the installation (admissions, content) is counted in memory by whoever does it, also by a command that
ends, and added to the broker about once a second. A process that is killed loses its last second of counts; when the
broker loses its data these counters begin again at 0, as after any restart. Work that is done twice is counted twice.
"""


def markdown() -> str:
    return "\n".join([_HEAD, *(_section(section) for section in CATALOGUE)])


def _section(section: Section) -> str:
    head = f"## {section.title}\n\n{textwrap.fill(section.text, 120, break_on_hyphens=False)}\n\n"
    rows = "".join(_row(entry) for entry in section.entries)
    return f"{head}| metric | type | labels | by | what it says |\n|---|---|---|---|---|\n{rows}"


def _row(entry: Entry) -> str:
    labels = ", ".join(f"`{label}`" for label in entry.labels)
    says = entry.help.replace("|", "\\|")
    return f"| `{entry.name}` | {entry.kind} | {labels} | {', '.join(entry.by)} | {says} |\n"
