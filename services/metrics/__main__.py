"""Print docs/metrics.md."""

from services.metrics.reference import markdown

print(markdown(), end="")
