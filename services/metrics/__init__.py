"""The catalogue: every metric of the system, defined once, in the module of the question that it answers.

docs/metrics.md is made from it (`python -m services.metrics`). Prometheus conventions: base units, `_total` for
counters, and no label whose values grow with the data: never a document's id or a URL. A source's name is a label only
in the bounded form of services/metrics/sources.py.

Who measures says `metrics.speed.documents.labels(stage, lane, "done").inc()`. The forms there are:
services/metrics/forms.py.
"""

from __future__ import annotations

# In the order in which they are documented: whoever is on call asks the first ones first.
# isort: off
from services.metrics.catalogue import up
from services.metrics.catalogue import fresh
from services.metrics.catalogue import backlog
from services.metrics.catalogue import speed
from services.metrics.catalogue import failing
from services.metrics.catalogue import cost
from services.metrics.catalogue import intake
from services.metrics.catalogue import dependencies
from services.metrics.catalogue import versions
from services.metrics.catalogue import reprocessing
from services.metrics.catalogue import content
from services.metrics.catalogue import celery
# isort: on

__all__ = [
    "backlog",
    "celery",
    "content",
    "cost",
    "dependencies",
    "failing",
    "fresh",
    "intake",
    "reprocessing",
    "speed",
    "up",
    "versions",
]
