"""Which versions run?"""

from __future__ import annotations

from services.metrics.catalogue.common import EVERY
from services.metrics.forms import Section

_section = Section(
    "Which versions run?", "More than one fingerprint of a stage: a roll-out under way, or one that stopped."
)
build_info = _section.reading(
    "efir_build_info", "1, with the version of Efir and of Python.", ["version", "python"], by=EVERY
)
model_info = _section.reading(
    "efir_model_info",
    "1 for each stage of each language that a worker has models for, with the fingerprint that names the version.",
    ["stage", "language", "fingerprint"],
    by=["worker"],
)
