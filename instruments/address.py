"""Addresses of instruments, taken apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass(frozen=True, slots=True)
class Address:
    """Where a device is: ``scheme://host:port/device?option=value``.

    :param device: what stands behind the port, as the scheme names it
    :param options: what the device can't tell itself, e.g. its lowest altitude
    """

    host: str
    port: int
    device: str
    options: dict[str, str]

    def number(self, option: str, default: float) -> float:
        """Give a numeric option.

        :raises ValueError: if it is no number
        """
        value = self.options.get(option)
        if value is None:
            return default
        try:
            return float(value)
        except ValueError:
            raise ValueError(f"the address's {option}={value!r} is no number") from None


def parse_address(address: str, scheme: str, port: int, options: Iterable[str] = ()) -> Address:
    """Take an address apart.

    :param scheme: which it must have
    :param port: the scheme's own, if the address names none
    :param options: which may stand after the ``?``
    :raises ValueError: if it is malformed; says what an address looks like
    """
    try:
        parts = urlsplit(address)
        host, number = parts.hostname, parts.port or port
    except ValueError as error:
        raise ValueError(f"{address!r} is no address: {error}") from None
    device = unquote(parts.path.strip("/"))
    if parts.scheme != scheme or not host or not device:
        raise ValueError(f"{address!r}: an address is {scheme}://host:port/device, with the port {port} if left out")
    found = dict(parse_qsl(parts.query, keep_blank_values=True))
    unknown = sorted(set(found) - set(options))
    if unknown:
        known = ", ".join(options) or "none"
        raise ValueError(f"{address!r}: no option {', '.join(unknown)} is known here; there are: {known}")
    return Address(host, number, device, found)
