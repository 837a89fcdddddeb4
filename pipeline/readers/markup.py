"""A piece of HTML, as feeds carry it, to text with paragraphs. Whole pages are another matter: they have menus."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree, html

# fmt: off
_BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "caption", "dd", "details", "div", "dl", "dt", "fieldset",
    "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "legend",
    "li", "main", "nav", "ol", "p", "pre", "section", "summary", "table", "tbody", "td", "tfoot", "th",
    "thead", "tr", "ul",
})
_SILENT = frozenset({
    "audio", "canvas", "embed", "head", "iframe", "math", "noscript", "object", "script", "style", "svg", "template",
    "title", "video",
})
# fmt: on
_SPACES = re.compile(r"[ \t\n\r\f\v\u00a0]+")
_AROUND_LINE_END = re.compile(r" *\n *")
_BLANK_LINES = re.compile(r"\n{3,}")


def to_text(markup: str) -> str:
    """Blocks become paragraphs with an empty line between them, `br` a line end. Broken HTML is read as browsers do."""
    if "<" not in markup and "&" not in markup:
        return _tidy(_SPACES.sub(" ", markup))
    try:
        # As bytes: lxml refuses text that declares an encoding.
        parser = html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=False)
        root = html.document_fromstring(markup.encode("utf-8", "replace"), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError):  # nothing in it but comments and tags
        return ""
    return _tidy("".join(_pieces(root)))


def to_line(markup: str) -> str:
    """As `to_text`, in one line: for titles."""
    return " ".join(to_text(markup).split())


def _pieces(root: html.HtmlElement) -> Iterator[str]:
    """Text and line ends in the order of reading; without recursion, which depth could exhaust."""
    silent = 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        name = element.tag if isinstance(element.tag, str) else ""
        is_start = event == "start"
        if name in _SILENT or not name:
            silent += 1 if is_start else -1
        if name in _BLOCKS:
            yield "\n\n"
        elif name == "br" and is_start:
            yield "\n"
        said = element.text if is_start else element.tail
        if said and not silent:
            yield _SPACES.sub(" ", str(said))


def _tidy(text: str) -> str:
    return _BLANK_LINES.sub("\n\n", _AROUND_LINE_END.sub("\n", text)).strip()
