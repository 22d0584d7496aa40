"""Who may connect: networks, as Comet's whitelists name them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

_REMEMBERED = 1024  # addresses: the same ones come again and again


class Allowed:
    """Tell whether an address lies in one of some networks.

    :param networks: such as ``127.0.0.1/8`` or ``2001:db8::/32``
    :raises ValueError: if one of them is no network
    """

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = [ipaddress.ip_network(text, strict=False) for text in networks]
        self._known = lru_cache(_REMEMBERED)(self._lies_in_one)

    def __call__(self, address: str) -> bool:
        """Tell whether this address may connect."""
        return self._known(address)

    def _lies_in_one(self, address: str) -> bool:
        try:
            at = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        if isinstance(at, ipaddress.IPv6Address) and at.ipv4_mapped is not None:
            at = at.ipv4_mapped
        return any(at in network for network in self._networks)


EVERYONE = Allowed(("0.0.0.0/0", "::/0"))
