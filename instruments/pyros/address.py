"""Where a device behind a PyROS line is."""

from __future__ import annotations

from urllib.parse import urlsplit

from instruments.pyros.grammar import grammar


def split_address(address: str) -> tuple[str, int, str]:
    """Take ``pyros://host:port/WORD`` apart.

    :raises ValueError: if it is not of that form, or the language has no such device
    """
    try:
        parts = urlsplit(address)
        host, port, word = parts.hostname, parts.port, parts.path.strip("/").upper()
    except ValueError as error:
        raise ValueError(f"{address!r} is no address: {error}") from None
    if parts.scheme != "pyros" or not host or port is None or word not in grammar().labels:
        known = ", ".join(grammar().labels)
        raise ValueError(f"{address!r}: an address is pyros://host:port/DEVICE, with DEVICE one of {known}")
    return host, port, word
