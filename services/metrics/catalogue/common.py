"""What several questions share: buckets, and who measures."""

from __future__ import annotations

from services.metrics.forms import Process

SECONDS = (0.005, 0.02, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300)
# The objective is five minutes, so there is a bucket that ends there, and some on the way to it.
AGES = (1, 2, 5, 10, 30, 60, 120, 180, 240, 300, 600, 900, 1800, 3600, 4 * 3600, 24 * 3600)
EVERY: tuple[Process, ...] = ("worker", "exporter", "api", "feeds", "dispatcher")
STORING: tuple[Process, ...] = ("worker", "api", "feeds", "exporter", "dispatcher")
