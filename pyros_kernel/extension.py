"""What ``%load_ext pyros_kernel`` does: ``obs``, an observatory not yet started, and the ``%pyros`` magic."""

from __future__ import annotations

from typing import Any, Protocol

from pyros_kernel import magics

NAME = "obs"


class Shell(magics.Shell, Protocol):
    """The part of an IPython shell that is used here."""

    def push(self, variables: dict[str, Any]) -> None:
        """Put variables into the user's namespace."""
        ...

    def drop_by_id(self, variables: dict[str, Any]) -> None:
        """Take variables out again, unless the user has put others in their place."""
        ...


_given: dict[int, Any] = {}


def load_ipython_extension(ip: Shell) -> None:
    """Give the notebook ``%pyros``, and ``obs`` unless there is one already; nothing starts until ``obs.start()``."""
    magics.register(ip)
    if NAME in ip.user_ns:
        return
    # Here, not above: the kernel of the launcher shall be up before the observatory's packages are loaded.
    from pyros_kernel.observatory import Observatory

    observatory = Observatory()
    _given[id(ip)] = observatory
    ip.push({NAME: observatory})


def unload_ipython_extension(ip: Shell) -> None:
    """Stop the observatory that :func:`load_ipython_extension` gave, and take it out of the notebook."""
    observatory = _given.pop(id(ip), None)
    if observatory is not None:
        observatory.stop()
        ip.drop_by_id({NAME: observatory})
