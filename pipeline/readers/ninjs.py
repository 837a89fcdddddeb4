"""News items in IPTC's ninjs (https://iptc.org/standards/ninjs/), versions 1 to 3.

Version 3 has arrays (`headlines`, `bodies`) and names such as versionCreated; versions 1 and 2 have `headline`,
`body_text`, `body_xhtml`, `versioncreated`, and some of the arrays. Every one of these is read, whatever version
the item says it is of.
"""

from __future__ import annotations

import html
from datetime import UTC, datetime

import msgspec

from pipeline.readers.addresses import host
from pipeline.readers.dates import date_if_any
from pipeline.readers.hint import Hint
from pipeline.readers.language import base_language
from pipeline.readers.rejected import Rejected
from pipeline.readers.transcript_json import decode_json
from pipeline.transcript import Transcript


class _Content(msgspec.Struct):
    """A headline or a body of version 3; version 2 wrote `contenttype`."""

    value: str | None = None
    contentType: str | None = None
    contenttype: str | None = None

    @property
    def text(self) -> str:
        return self.value or ""

    @property
    def media_type(self) -> str:
        return (self.contentType or self.contenttype or "").partition(";")[0].strip().lower()


class _Named(msgspec.Struct):
    name: str | None = None
    literal: str | None = None


class _Form(msgspec.Struct):
    """The fields that are used. Old and new names of one thing stand together; null is as good as absent."""

    uri: str
    headlines: list[_Content] | None = None
    headline: str | None = None
    headline_text: str | None = None
    title: str | None = None
    bodies: list[_Content] | None = None
    body_text: str | None = None
    body_xhtml: str | None = None
    body_html: str | None = None
    language: str | None = None
    versionCreated: str | None = None
    versioncreated: str | None = None
    firstCreated: str | None = None
    firstcreated: str | None = None
    contentCreated: str | None = None
    embargoedUntil: str | None = None
    embargoed: str | None = None
    pubStatus: str | None = None
    pubstatus: str | None = None
    by: str | None = None
    byline: str | None = None
    bylines: list[_Named | str] | None = None
    infoSources: list[_Named] | None = None
    infosources: list[_Named] | None = None
    provider: str | _Named | None = None
    copyrightHolder: str | None = None
    copyrightholder: str | None = None
    url: str | None = None


def read(data: bytes, hint: Hint) -> Transcript:
    """One news item. Raises Rejected, also for an item that its provider has withheld, cancelled or embargoed."""
    item = decode_json(data, hint, _Form, "expected a ninjs news item")
    _check_usable(item)
    dates = (item.versionCreated, item.versioncreated, item.firstCreated, item.firstcreated, item.contentCreated)
    return Transcript(
        text=_body(item),
        format="ninjs",
        title=_headline(item) or hint.fallback_title,
        source=_source(item) or "local",
        language=base_language(item.language),
        published=next((date for text in dates if (date := date_if_any(text))), None),
        url=item.url or (item.uri if host(item.uri) else hint.url),
        guid=item.uri,
        speakers=_authors(item),
    )


def _check_usable(item: _Form) -> None:
    status = (item.pubStatus or item.pubstatus or "").lower()
    if status in {"withheld", "canceled", "cancelled"}:
        raise Rejected("withheld", f"its provider has marked it as {status}")
    until = date_if_any(item.embargoedUntil or item.embargoed)
    if until is not None and until > datetime.now(UTC):
        raise Rejected("withheld", f"it is embargoed until {until.isoformat()}; send it again then")


def _body(item: _Form) -> str:
    """Plain text where there is any, else what the longest marked up body says. A part is not joined to a whole."""
    bodies = item.bodies or []
    plain = [body.text for body in bodies if body.media_type == "text/plain"] + [item.body_text or ""]
    unsaid = [body.text for body in bodies if not body.media_type]
    plain += [text for text in unsaid if not _is_markup(text)]
    marked = [body.text for body in bodies if "html" in body.media_type or body.media_type.endswith("xml")]
    marked += [text for text in unsaid if _is_markup(text)] + [item.body_xhtml or "", item.body_html or ""]
    text = max(plain, key=len, default="").replace("\r\n", "\n").replace("\r", "\n").strip()
    return text or _without_markup(max(marked, key=len, default=""))


def _headline(item: _Form) -> str:
    ours = [each.text for each in item.headlines or []]
    found = next((text for text in (*ours, item.headline, item.headline_text, item.title) if text and text.strip()), "")
    return " ".join((_without_markup(found) if _is_markup(found) else found).split())


def _is_markup(text: str) -> bool:
    return "</" in text or "/>" in text


def _without_markup(text: str) -> str:
    if "<" not in text:
        return html.unescape(text)
    from pipeline.readers.html_page import fragment_text  # noqa: PLC0415  most items never need what it loads

    return fragment_text(text)


def _source(item: _Form) -> str:
    provider = item.provider.name if isinstance(item.provider, _Named) else item.provider
    parties = [*(item.infoSources or []), *(item.infosources or [])]
    named = provider or next((name for party in parties if (name := party.name or party.literal)), None)
    return named or item.copyrightHolder or item.copyrightholder or host(item.uri)


def _authors(item: _Form) -> tuple[str, ...]:
    names = [each if isinstance(each, str) else each.name or each.literal for each in item.bylines or []]
    return tuple(name for name in names if name) or tuple(name for name in (item.by or item.byline,) if name)
