"""A device behind ASCOM Alpaca, as the guardian knows it: plain HTTP, one connection, a time-out each."""

from __future__ import annotations

import http.client
import itertools
import json
import math
from collections.abc import Callable, Mapping
from typing import Any, cast
from urllib.parse import urlencode, urlsplit

from pyros_kernel.safety.guardian.patience import Patience, Said, Silent
from pyros_kernel.safety.guardian.ward import TIMEOUT_REAL_S, Measured

_PORT = 11111
_MAX_BYTES = 65536
_NOTHING: Mapping[str, str] = {}
_NOT_IMPLEMENTED, _NOT_CONNECTED = 0x400, 0x407
_SHUTTERS = {0: "open", 1: "closed", 2: "opening", 3: "closing"}
_EXPOSING = (1, 2)  # waiting for its start, exposing
_ORDERS = {"close": "closeshutter", "park": "park", "abort": "abortexposure"}
# Alpaca's name → ours, in one unit
_QUANTITIES = {
    "temperature": "temperature",
    "humidity": "humidity",
    "pressure": "pressure",
    "windspeed": "wind_speed",
    "windgust": "wind_gust",
    "cloudcover": "cloud",
    "rainrate": "rain",
}


class AlpacaWard:
    """Ask and command an Alpaca device.

    :param address: ``alpaca://host:port/<kind>/<number>``
    :param now_s: tells the observatory's time, unix seconds
    :raises ValueError: if the address is malformed
    """

    def __init__(self, name: str, address: str, now_s: Callable[[], float]) -> None:
        parts = urlsplit(address)
        device = parts.path.strip("/")
        if parts.scheme != "alpaca" or not parts.hostname or device.count("/") != 1:
            raise ValueError(f"{name}: {address!r} is no alpaca://host:port/kind/number")
        self.name, self._now_s = name, now_s
        self._path = f"/api/v1/{device}/"
        self._http = http.client.HTTPConnection(parts.hostname, parts.port or _PORT, timeout=TIMEOUT_REAL_S)
        self._patience, self._ids = Patience(name), itertools.count(1)
        self._connected, self._lacks = False, set[str]()

    @property
    def silent_since_s(self) -> float | None:
        """Since when it does not answer (``time.monotonic()``); None if it does."""
        return self._patience.silent_since_s

    def shutter(self, *, urgent: bool) -> tuple[str, bool]:
        """Give a dome's word for its shutter, and whether it says closed."""
        shutter = _SHUTTERS.get(self._get("shutterstatus", urgent=urgent), "unknown")
        return shutter, shutter == "closed"

    def motion(self, *, urgent: bool) -> str:
        """Give a telescope's motion."""
        if self._get("atpark", urgent=urgent) is True:
            return "parked"
        if self._get("slewing", urgent=urgent) is True:
            return "slewing"
        return "tracking" if self._get("tracking", urgent=urgent) is True else "idle"

    def exposes(self) -> bool:
        """Tell whether a camera exposes."""
        return self._get("camerastate") in _EXPOSING

    def weather(self) -> Measured:
        """Read a weather station; a sensor that it doesn't have is not asked for again."""
        found: dict[str, tuple[float | bool, float]] = {}
        for theirs, quantity in _QUANTITIES.items():
            value = self._optional(theirs)
            if value is None:
                continue
            age_s = self._optional("timesincelastupdate", {"SensorName": theirs}) or 0.0
            if not all(isinstance(one, int | float) and math.isfinite(one) for one in (value, age_s)):
                raise Said(f"{self.name}: nonsense: {theirs} {value!r}, {age_s!r} s old")
            found[quantity] = value > 0 if quantity == "rain" else float(value), self._now_s() - max(age_s, 0.0)
        return found

    def safety(self) -> tuple[bool, str, float]:
        """Give what a safety monitor says; it gives no reasons."""
        return self._get("issafe") is True, "", self._now_s()

    def obey(self, order: str) -> float | None:
        """Do ``close``, ``park`` or ``abort``; Alpaca does not say how long that takes."""
        self._put(_ORDERS[order])
        return None

    def tell_watchdog(self, command: str) -> None:
        """Do nothing: Alpaca's domes have no watchdog that a client can feed."""

    def close(self) -> None:
        """Give the connection back; the next question makes a new one."""
        self._http.close()
        self._connected = False

    def _optional(self, what: str, more: Mapping[str, str] = _NOTHING) -> Any:
        key = " ".join((what, *more.values()))
        if key in self._lacks:
            return None
        try:
            return self._get(what, more)
        except _Lacking:
            self._lacks.add(key)
            return None

    def _get(self, what: str, more: Mapping[str, str] = _NOTHING, *, urgent: bool = False) -> Any:
        self._patience.check(urgent=urgent)
        if not self._connected:
            self._put("connected", {"Connected": "True"})
            self._connected = True
        answer = self._ask("GET", f"{self._path}{what}?{self._identified(more)}", None)
        if "Value" not in answer:
            raise Said(f"{self.name}: {what}: the answer has no Value")
        return answer["Value"]

    def _put(self, what: str, more: Mapping[str, str] = _NOTHING) -> None:
        self._ask("PUT", self._path + what, self._identified(more))

    def _identified(self, more: Mapping[str, str]) -> str:
        return urlencode({**more, "ClientID": "1", "ClientTransactionID": str(next(self._ids))})

    def _ask(self, method: str, path: str, body: str | None) -> dict[str, Any]:
        headers = {} if body is None else {"Content-Type": "application/x-www-form-urlencoded"}
        try:
            self._http.request(method, path, body, headers)
            with self._http.getresponse() as response:
                status, said = response.status, response.read(_MAX_BYTES + 1)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            self._patience.lost()
            raise Silent(f"{self.name}: {error or type(error).__name__}") from error
        self._patience.heard()
        return self._understood(status, said)

    def _understood(self, status: int, said: bytes) -> dict[str, Any]:
        if status != 200 or len(said) > _MAX_BYTES:
            self.close()
            raise Said(f"{self.name}: HTTP {status}: {said[:200].decode(errors='replace')}")
        try:
            answer: Any = json.loads(said)
            number = int(answer.get("ErrorNumber", 0))
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise Said(f"{self.name}: nonsense: {error}") from error
        if number:
            self._connected = self._connected and number != _NOT_CONNECTED
            kind = _Lacking if number == _NOT_IMPLEMENTED else Said
            raise kind(f"{self.name}: {answer.get('ErrorMessage') or 'no reason given'} (error 0x{number:x})")
        return cast("dict[str, Any]", answer)


class _Lacking(Said):
    """The device does not have what it was asked for."""
