"""Article pages: the main text of an HTML page, and its title, author, date and address.

trafilatura (https://trafilatura.readthedocs.io) finds them. It is given the bytes and never fetches anything. It has no
time limit of its own for a page, so pages are bounded before: by bytes, and by the number of tags, which is what its
time and memory grow with.
"""

from __future__ import annotations

import codecs
import logging
import re
import unicodedata
from datetime import UTC, datetime, timedelta
from itertools import islice
from urllib.parse import urlsplit

from lxml import etree
from lxml.html import HTMLParser
from trafilatura import bare_extraction
from trafilatura.settings import Document

from pipeline.readers.addresses import host
from pipeline.readers.dates import date_if_any
from pipeline.readers.encoding import decode
from pipeline.readers.hint import Hint
from pipeline.readers.language import base_language, is_cyrillic
from pipeline.readers.rejected import Rejected
from pipeline.transcript import Transcript

# Several times what the longest articles with all their comments have; what is larger is a dump, or meant to hurt.
_MOST_BYTES = 5_000_000
_MOST_TAGS = 30_000
# The HTML standard lets a page declare its encoding within this.
_PRESCAN = 1_024 * 4
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s{0,9}=\s{0,9}[\"']?\s{0,9}([\w-]{1,40})", re.IGNORECASE)
_PARAGRAPH_ENDS = re.compile(r"\n+")
# Publishing systems declare the language of their templates; this many letters tell what the text is in.
_LETTERS = 2_000
logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # a page it gives up is rejected here, with a reason
logging.getLogger("htmldate").setLevel(logging.CRITICAL)


def read(data: bytes, hint: Hint) -> Transcript:
    """The article of one page. Raises Rejected."""
    if len(data) > _MOST_BYTES:
        raise Rejected("too-large", f"a page of more than {_MOST_BYTES:,} bytes")
    if data.count(b"<") > _MOST_TAGS:
        raise Rejected("too-large", f"a page of more than {_MOST_TAGS:,} tags")
    page = decode(data, hint.charset or _declared(data))
    try:
        article = bare_extraction(
            page,
            url=hint.url if host(hint.url) else None,
            with_metadata=True,
            include_comments=False,
            date_extraction_params={
                "extensive_search": False,  # any date found anywhere is worse than none
                "original_date": True,
                "outputformat": "%Y-%m-%dT%H:%M:%S%z",
                "max_date": (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%d"),
            },
        )
    except (ValueError, TypeError, AttributeError, KeyError, IndexError, RecursionError, etree.LxmlError) as error:
        raise Rejected("unreadable", f"no article could be taken from the page: {str(error)[:200]}") from error
    text = _PARAGRAPH_ENDS.sub("\n\n", article.text or "").strip() if isinstance(article, Document) else ""
    if not isinstance(article, Document) or not text:
        raise Rejected("empty", "there is no article in the page, only what stands around one")
    address = _address(article.url, hint.url)
    return Transcript(
        text=text,
        format="html",
        title=article.title or hint.fallback_title,
        source=host(address) or "local",
        language=_language(page, text),
        published=date_if_any(article.date),
        url=address,
        speakers=tuple(name.strip() for name in (article.author or "").split(";") if name.strip()),
    )


def _declared(data: bytes) -> str | None:
    """The encoding that the page's own `meta` declares."""
    match = _META_CHARSET.search(data[:_PRESCAN])
    if match is None:
        return None
    try:
        return codecs.lookup(match[1].decode("ascii", "replace")).name
    except LookupError:
        return None


def _address(canonical: str | None, fetched: str | None) -> str | None:
    """The canonical address, unless it is of another site or is the front page: many systems have it wrong, and then
    all articles of a site would be one story."""
    if not host(canonical):
        return fetched
    if fetched and (host(canonical) != host(fetched) or not urlsplit(canonical or "").path.strip("/")):
        return fetched
    return canonical


def _language(page: str, text: str) -> str | None:
    """What the page declares, when it can be: a Cyrillic text is not in English whatever its template says."""
    match = _HTML_LANG.search(page, 0, 20_000)
    language = base_language(match[1]) if match else None
    if language is None:
        return None
    letters = list(islice((char for char in text if char.isalpha()), _LETTERS))
    cyrillic = sum(unicodedata.name(char, "").startswith("CYRILLIC") for char in letters)
    return language if is_cyrillic(language) == (cyrillic * 2 > len(letters)) else None


_HTML_LANG = re.compile(r"<html\s[^>]{0,500}?\blang\s{0,9}=\s{0,9}[\"']?([\w-]{2,40})", re.IGNORECASE)


def fragment_text(markup: str) -> str:
    """The words of a piece of HTML that is all article, an empty line between its blocks. Raises Rejected."""
    if markup.count("<") > _MOST_TAGS:
        raise Rejected("too-large", f"markup of more than {_MOST_TAGS:,} tags")
    parser = HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(f"<div>{markup}</div>".encode("utf-8", "replace"), parser)
    except (etree.LxmlError, ValueError) as error:
        raise Rejected("unreadable", f"not HTML: {error}") from error
    if root is None:
        return ""
    parts: list[str] = []
    silent = 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        name = element.tag if isinstance(element.tag, str) else ""
        parts.append("\n\n" if name in _BLOCKS else "\n" if name == "br" and event == "start" else "")
        silent += (name in _UNREAD) * (1 if event == "start" else -1)
        if not silent:
            parts.append(" ".join(_pieces((element.text if event == "start" else element.tail) or "")))
    lines = (" ".join(line.split()) for line in "".join(parts).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


_BLOCKS = {
    "p", "div", "h1", "h2", "h3", "h4", "h5", "h6", "li", "ul", "ol", "blockquote", "section", "article", "table", "tr",
    "figure", "figcaption", "pre", "hr", "header", "footer", "aside", "main", "dl", "dt", "dd", "body",
}  # fmt: skip
_UNREAD = {"script", "style", "head", "template", "noscript", "iframe", "object", "svg", "math", "figure", "video"}


def _pieces(text: str) -> list[str]:
    """Line ends in the source are only spaces."""
    return text.split("\n")
