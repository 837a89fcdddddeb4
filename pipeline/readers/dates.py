"""Dates as senders write them: ISO 8601, and what is no date of speech or press."""

from __future__ import annotations

from datetime import UTC, datetime

from pipeline.readers.rejected import Rejected

# Speech was not transcribed before, and a year of five digits has no place in a key.
_FIRST_YEAR, _LAST_YEAR = 1800, 2200


def parse_date(text: str) -> datetime:
    """ISO 8601, with or without time; without a zone it is taken as UTC. Raises Rejected."""
    text = text.strip()[:80]  # what is longer is no date, and is not to fill the explanation
    try:
        date = datetime.fromisoformat(text)
    except ValueError as error:
        raise Rejected(
            "bad-date", f"{text!r} is not an ISO 8601 date such as 2026-01-02 or 2026-01-02T18:30"
        ) from error
    if not _FIRST_YEAR <= date.year <= _LAST_YEAR:
        raise Rejected("bad-date", f"{text!r} is not a year between {_FIRST_YEAR} and {_LAST_YEAR}")
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def date_if_any(text: str | None) -> datetime | None:
    """The date where it is one. For dates found in pages, where a wrong one is no reason to lose the text."""
    if not text or not text.strip():
        return None
    try:
        return parse_date(text)
    except Rejected:
        return None
