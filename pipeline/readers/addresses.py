"""Addresses on the web."""

from __future__ import annotations

from urllib.parse import urlsplit


def host(address: str | None) -> str:
    """`visnyk.example` of `https://www.visnyk.example/news/1`; "" of what is no address on the web (`urn:...`)."""
    try:
        parts = urlsplit(address or "")
        name = parts.hostname or ""
    except ValueError:
        return ""
    return name.removeprefix("www.") if parts.scheme in {"http", "https"} else ""
