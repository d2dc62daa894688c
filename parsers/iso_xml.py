"""ISO 20022 XML: read from outside (UTF-8, no DTD, no entities, no network, elements by local name) and written."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, TypeAlias

from lxml import etree

from depository.rejects import FileRefused
from parsers.csv_table import shown

MAX_BYTES = 30_000_000
"""A message larger than this is refused unread: about 25,000 entries."""

_NAMESPACE = re.compile(r"urn:iso:std:iso:20022:tech:xsd:([a-z]{4}\.[0-9]{3}\.[0-9]{3}\.[0-9]{2})")

Element: TypeAlias = Any
"""An lxml element; lxml comes without types."""


def local(element: Element) -> str:
    """The element's name without its namespace."""
    return str(etree.QName(element).localname)


def read_document(data: bytes, what: str) -> tuple[str, Element]:
    """The message identifier (such as camt.053.001.08) and the Document element, which may stand inside an envelope.

    Raises FileRefused when the bytes are no well-formed ISO 20022 document, or try to declare a DTD or entities.
    """
    if not data:
        raise FileRefused("empty", f"The {what} has no bytes: send the whole message.")
    if len(data) > MAX_BYTES:
        raise FileRefused(
            "too-large", f"The {what} has {len(data):,} bytes, the limit is {MAX_BYTES:,}: send it in several files."
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise FileRefused("wrong-encoding", f"The {what} is not UTF-8: send the XML in UTF-8.") from None
    # No message of ISO 20022 has a DTD; without one there are no entities to expand or to fetch.
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise FileRefused("entities", f"The {what} declares a DTD or entities: send it without.")
    parser = etree.XMLParser(
        # Whatever the XML declaration says, the bytes were checked as UTF-8 and are read as such.
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise FileRefused(
            "damaged",
            f"The {what} is not well-formed XML ({shown(' '.join(error.msg.split()))}): send the whole message.",
        ) from None
    documents = [root] if local(root) == "Document" else list(root.iter("{*}Document"))
    if len(documents) != 1:
        raise FileRefused(
            "wrong-type",
            f"The {what} has {len(documents)} elements Document under the root {local(root)[:40]}: send one.",
        )
    namespace = etree.QName(documents[0]).namespace or ""
    found = _NAMESPACE.fullmatch(namespace)
    if not found:
        raise FileRefused(
            "wrong-type",
            f"The {what} has the namespace {namespace[:80]!r}: send an ISO 20022 message with its own namespace.",
        )
    return found.group(1), documents[0]


def child(parent: Element | None, *path: str) -> Element | None:
    """The first element along a path of local names, or None."""
    for name in path:
        if parent is None:
            return None
        parent = parent.find(f"{{*}}{name}")
    return parent


def children(parent: Element | None, *path: str) -> Iterator[Element]:
    """All elements of the last name of the path, under every element of the names before it."""
    if parent is None or not path:
        return
    yield from parent.iterfind("/".join(f"{{*}}{name}" for name in path))


def words(parent: Element | None, *path: str) -> str:
    """The text of the element along a path, blanks reduced to one; "" when there is none."""
    found = child(parent, *path)
    return " ".join((found.text or "").split()) if found is not None else ""


def new_document(message: str) -> Element:
    """An empty Document of a message such as camt.053.001.08."""
    namespace = f"urn:iso:std:iso:20022:tech:xsd:{message}"
    return etree.Element(f"{{{namespace}}}Document", nsmap={None: namespace})


def add(parent: Element, path: str, text: str | None = None, **attributes: str) -> Element:
    """Append the elements of a path in the parent's namespace; the last one gets text and attributes."""
    namespace = etree.QName(parent).namespace
    for name in path.split("/"):
        parent = etree.SubElement(parent, f"{{{namespace}}}{name}")
    parent.text = text
    for key, value in attributes.items():
        parent.set(key, value)
    return parent


def as_bytes(document: Element) -> bytes:
    """The document as UTF-8, indented; equal documents give equal bytes."""
    return bytes(etree.tostring(document, xml_declaration=True, encoding="UTF-8", pretty_print=True))


def moment(at: datetime) -> str:
    """A moment by ISO 8601 with its offset, to the second; raises ValueError when it has no zone."""
    if at.tzinfo is None:
        raise ValueError(f"the moment {at} has no zone")
    return at.isoformat(timespec="seconds")
