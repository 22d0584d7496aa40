"""Reading XML from strangers: no DTD, no entities, no network, bounded size and depth."""

from __future__ import annotations

import re
from typing import Any, TypeAlias

from lxml import etree

MAX_BYTES = 1 << 20

Element: TypeAlias = Any  # lxml.etree._Element, which lxml does not show to type checkers

# libxml2 bounds depth (256), names, and text lengths as long as huge_tree stays off.
_PARSER = etree.XMLParser(
    resolve_entities=False,
    no_network=True,
    load_dtd=False,
    dtd_validation=False,
    attribute_defaults=False,
    huge_tree=False,
    remove_comments=True,
    remove_pis=True,
)
_DOCTYPE = re.compile(rb"(?:\s++|\xef\xbb\xbf|<\?.*?\?>|<!--.*?-->)*+<!DOCTYPE", re.DOTALL)


class NotVoevent(Exception):
    """These bytes are no VOEvent that can be accepted; the message says why.

    :param ivorn: the packet's IVORN, if that much could be read
    """

    def __init__(self, reason: str, ivorn: str = "") -> None:
        super().__init__(reason)
        self.ivorn = ivorn


def read_tree(raw: bytes) -> Element:
    """Parse XML and give its root element.

    :raises NotVoevent: if it is too long, not well-formed, or carries a DTD
    """
    if len(raw) > MAX_BYTES:
        raise NotVoevent(f"{len(raw)} bytes are more than the {MAX_BYTES} accepted")
    # Before parsing: entities in attributes are expanded by the parser whatever it is told.
    if _DOCTYPE.match(raw.replace(b"\0", b"") if b"\0" in raw else raw):
        raise NotVoevent("a document type declaration (DTD, entities) is not accepted")
    try:
        root = etree.fromstring(raw, _PARSER)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise NotVoevent(f"not well-formed XML: {error}") from error
    # An encoding in which the bytes of "<!DOCTYPE" look different came past the first look.
    if root.getroottree().docinfo.internalDTD is not None:
        raise NotVoevent("a document type declaration (DTD, entities) is not accepted")
    return root


def read_objects(raw: bytes) -> Element:
    """Give the tree that voevent-parse's functions take; it only gets to see what our own parser found harmless.

    :raises NotVoevent: as :func:`read_tree` does
    """
    import voeventparse  # takes a quarter of a second, and few ask

    read_tree(raw)
    return voeventparse.loads(raw, check_version=False)


def canonical(root: Element) -> bytes:
    """Give the canonical form (C14N 1.0, without comments), equal for copies that were only re-serialised.

    :raises NotVoevent: if there is none
    """
    try:
        return etree.tostring(root, method="c14n", with_comments=False)
    except (etree.LxmlError, ValueError) as error:
        raise NotVoevent(f"the XML has no canonical form: {error}") from error


def child(element: Element, *names: str) -> etree._Element | None:
    """Walk down by local names, whatever their namespace; None where the path ends."""
    at: Element | None = element
    for name in names:
        if at is None:
            return None
        at = next(at.iterchildren("{*}" + name), None)
    return at


def within(element: Element, *names: str) -> Element | None:
    """Walk down by local names with any elements between them; None if there is no such way."""
    if not names:
        return element
    for found in element.iter("{*}" + names[0]):
        if (end := within(found, *names[1:])) is not None:
            return end
    return None


def child_text(element: Element, *names: str) -> str | None:
    """Give the stripped text of a descendant, or None if there is none."""
    found = child(element, *names)
    if found is None or found.text is None:
        return None
    return found.text.strip() or None
