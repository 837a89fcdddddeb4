"""The one error of everything that decides what may enter."""

from __future__ import annotations

# Explanations quote what was found, and what was found may be a megabyte.
_LONGEST = 500


class Rejected(Exception):
    """An input may not enter. `reason` is one of a few words that can be counted, `explanation` is for people."""

    def __init__(self, reason: str, explanation: str) -> None:
        explanation = explanation if len(explanation) <= _LONGEST else explanation[:_LONGEST] + "…"
        super().__init__(f"{reason}: {explanation}")
        self.reason = reason
        self.explanation = explanation
