"""Lists of feeds to and from other programs: OPML 2.0 (http://opml.org/spec2.opml) and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import NamedTuple

from lxml import etree

from pipeline.readers import xml
from pipeline.readers.encoding import decode
from pipeline.readers.language import base_language
from pipeline.readers.rejected import Rejected
from services.feeds.subscriptions import Options, Subscription

_COLUMNS = ("url", "title", "source", "language", "full_text", "transcripts", "interval")
# Of Efir's own in OPML, in a namespace, as the specification asks for.
_OURS = "urn:efir:feeds"
_TRUE = {"1", "true", "yes", "так"}


class Listed(NamedTuple):
    """One line of a list."""

    url: str
    title: str = ""
    options: Options = Options()


def read(data: bytes) -> list[Listed]:
    """Whichever of the two it is, each URL once. Raises Rejected."""
    is_opml = data[:64].removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<")
    found: dict[str, Listed] = {}
    for listed in _from_opml(data) if is_opml else _from_csv(data):
        found.setdefault(listed.url, listed)
    if not found:
        raise Rejected("empty", "there is no feed in it: no outline with xmlUrl, no line with a url")
    return list(found.values())


def to_opml(subscriptions: Iterable[Subscription]) -> bytes:
    root = etree.Element("opml", {"version": "2.0"}, nsmap={"efir": _OURS})
    head = etree.SubElement(root, "head")
    etree.SubElement(head, "title").text = "Efir"
    etree.SubElement(head, "dateCreated").text = format_datetime(datetime.now(UTC), usegmt=True)
    body = etree.SubElement(root, "body")
    for feed in subscriptions:
        title = _xml_text(feed.title) or feed.url
        outline = etree.SubElement(body, "outline", {"type": "rss", "text": title, "title": title, "xmlUrl": feed.url})
        if feed.site:
            outline.set("htmlUrl", feed.site)
        if feed.options.language:
            outline.set("language", feed.options.language)
        for name, value in _as_text(feed.options).items():
            if value and name != "language":
                outline.set(f"{{{_OURS}}}{name}", value)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def to_csv(subscriptions: Iterable[Subscription]) -> bytes:
    file = io.StringIO()
    writer = csv.DictWriter(file, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    for feed in subscriptions:
        writer.writerow({"url": feed.url, "title": feed.title, **_as_text(feed.options)})
    return file.getvalue().encode()


def _from_opml(data: bytes) -> Iterator[Listed]:
    """Outlines lie in outlines, as deep as their owner had folders."""
    root = xml.parse(data)
    if etree.QName(root).localname != "opml":
        raise Rejected("not-a-list", f"XML of <{etree.QName(root).localname[:40]}>, and no OPML")
    for outline in root.iter("outline"):
        if url := (outline.get("xmlUrl") or outline.get("xmlurl") or "").strip():
            said = {name: outline.get(f"{{{_OURS}}}{name}", "") for name in _COLUMNS[2:]}
            said["language"] = said["language"] or outline.get("language", "")
            yield Listed(url, outline.get("title") or outline.get("text") or "", _options(said, url))


def _from_csv(data: bytes) -> Iterator[Listed]:
    """With a header line that names at least `url`; or lines of nothing but URLs."""
    text = decode(data)
    header = text.partition("\n")[0]
    if "url" not in [name.strip().lower() for name in header.split(",")]:
        if not header.strip().startswith(("http://", "https://")):
            raise Rejected("not-a-list", f"neither OPML nor CSV with a column `url` (columns: {', '.join(_COLUMNS)})")
        yield from (Listed(line.strip()) for line in text.splitlines() if line.strip())
        return
    try:
        for row in csv.DictReader(io.StringIO(text), strict=True):
            said = {(name or "").strip().lower(): (value or "") for name, value in row.items() if name}
            if url := said.get("url", "").strip():
                yield Listed(url, said.get("title", ""), _options(said, url))
    except csv.Error as error:
        raise Rejected("unreadable", f"not valid CSV: {error}") from error


def _options(said: dict[str, str], url: str) -> Options:
    interval = said.get("interval", "").strip()
    try:
        seconds = float(interval) if interval else None
    except ValueError:
        raise Rejected("not-a-list", f"{url}: interval {interval!r} is no number of seconds") from None
    return Options(
        source=said.get("source", "").strip(),
        language=base_language(said.get("language")),
        full_text=said.get("full_text", "").strip().lower() in _TRUE,
        transcripts=said.get("transcripts", "").strip().lower() in _TRUE,
        interval=seconds,
    )


def _as_text(options: Options) -> dict[str, str]:
    return {
        "source": options.source,
        "language": options.language or "",
        "full_text": "true" if options.full_text else "",
        "transcripts": "true" if options.transcripts else "",
        "interval": f"{options.interval:g}" if options.interval else "",
    }


def _xml_text(text: str) -> str:
    """Without the control characters that XML cannot hold."""
    return "".join(char for char in text if char.isprintable() or char == " ")
