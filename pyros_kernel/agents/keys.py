"""The key of an observatory's agents: who has it may speak to them over the network, and nobody else listens in.

CURVE, as ZeroMQ has it (https://rfc.zeromq.org/spec/26/): one pair for all machines of the observatory.
"""

from __future__ import annotations

import configparser
import hmac
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

import zmq

from pyros_kernel.agents.errors import ConfigError

FILE_NAME = "pyros_agents.key"
_Z85_LENGTH = 40  # of 32 bytes


@dataclass(frozen=True, slots=True)
class Keys:
    """A CURVE pair, in Z85."""

    public: bytes
    secret: bytes = field(repr=False)

    @classmethod
    def make(cls) -> Keys:
        """Draw a new pair."""
        return cls(*zmq.curve_keypair())

    @classmethod
    def read(cls, path: Path) -> Keys:
        """Read a pair, and check that only its owner can.

        :raises ConfigError: if it can't be read, others can read it, or it is no pair
        """
        parser = configparser.ConfigParser(interpolation=None)
        try:
            if stat.S_IMODE(path.stat().st_mode) & 0o077:
                raise ConfigError(f"{path} can be read by others, and is a secret: chmod 600 {path}")
            parser.read_string(path.read_text(encoding="ascii"), str(path))
            public, secret = (parser["curve"][word].encode() for word in ("public", "secret"))
            derived = zmq.curve_public(secret) if len(secret) == _Z85_LENGTH else b""
        except OSError as error:
            raise ConfigError(f"{path}: can't be read: {error.strerror}") from None
        except (configparser.Error, KeyError, UnicodeError, zmq.ZMQError):
            derived = public = secret = b""
        if not derived or not hmac.compare_digest(derived, public):
            raise ConfigError(f"{path} is no key of agents: make a new one with `pyros keys`, and copy it everywhere")
        return cls(public, secret)

    def write(self, path: Path) -> None:
        """Write the pair, for its owner alone; never over another one.

        :raises FileExistsError: if there is one
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "wb") as out:
            out.write(b"; Who has this file commands the observatory's agents over the network.\n[curve]\n")
            out.write(b"public = " + self.public + b"\nsecret = " + self.secret + b"\n")

    def callback(self, _domain: str, key: bytes) -> bool:
        """Tell ZeroMQ's authenticator whether a client's public key is this one."""
        return hmac.compare_digest(key, self.public)
