"""XML from strangers: parsed without touching the network, without entities that grow, and not deeper than sense.

libxml2 does the parsing (lxml). Entities that a document declares itself are how a small file becomes a large one and
how a parser is made to open other files, and no format read here needs them: a document that declares one is rejected.
"""

from __future__ import annotations

import re

from lxml import etree

from pipeline.readers.encoding import decode
from pipeline.readers.rejected import Rejected

LANG = "{http://www.w3.org/XML/1998/namespace}lang"
XML_ID = "{http://www.w3.org/XML/1998/namespace}id"
# The declaration of XML, in the bytes of any encoding that has ASCII's, and in the text.
_DECLARED = re.compile(rb"\s{0,99}<\?xml\s[^>]{0,200}?encoding\s{0,9}=\s{0,9}[\"']([\w.-]{1,40})[\"']")
_DECLARATION = re.compile(r"\A\s{0,99}<\?xml\s[^>]{0,500}\?>")


def parse(data: bytes, charset: str | None = None, *, recover: bool = False) -> etree._Element:
    """The root element. `recover` reads on after errors, as browsers do with feeds. Raises Rejected."""
    return tree(checked(data, charset, recover=recover), recover=recover)


def checked(data: bytes, charset: str | None = None, *, recover: bool = False) -> bytes:
    """The document in UTF-8, without the declaration that may say otherwise. Raises Rejected.

    What is looked at here is what a parser sees: in UTF-7 and the like, bytes that look harmless say something else.
    """
    text = _DECLARATION.sub("", _decoded(data, charset, recover), count=1)
    if "<!ENTITY" in text:
        raise Rejected("dangerous-xml", "it declares entities of its own, which no format read here needs")
    return text.encode("utf-8", "replace")


def _decoded(data: bytes, charset: str | None, recover: bool) -> str:
    declared = _DECLARED.match(data)
    try:
        return decode(data, declared[1].decode("ascii", "replace") if declared else charset)
    except Rejected as rejected:
        if not recover or rejected.reason != "not-text":
            raise
        return data.decode("utf-8", "replace")


def tree(document: bytes, *, recover: bool = False) -> etree._Element:
    """The root element of what `checked` gave. Raises Rejected."""
    # Without huge_tree libxml2 itself stops at a depth of 256 and at texts of 10 MB.
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        recover=recover,
        remove_comments=True,
        collect_ids=False,  # ids twice in a file are no reason to lose it
    )
    try:
        root = etree.fromstring(document, parser)
    except etree.XMLSyntaxError as error:
        raise Rejected("unreadable", f"not well-formed XML: {error}") from error
    if root is None:
        raise Rejected("unreadable", "not XML")
    return root


def local(element: etree._Element) -> str:
    """The name without its namespace; "" for comments and processing instructions."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def attributes(element: etree._Element) -> dict[str, str]:
    """Attributes by their names without namespaces."""
    return {str(name).rpartition("}")[2]: str(value) for name, value in element.attrib.items()}


def written(element: etree._Element) -> str:
    """All text within an element."""
    return "".join(str(part) for part in element.itertext())
