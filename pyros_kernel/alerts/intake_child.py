"""The program of :class:`~pyros_kernel.alerts.intake_process.IntakeProcess`: an intake that talks in lines of JSON."""

from __future__ import annotations

import base64
import json
import logging
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from pyros_kernel.alerts.collector import spare_collector
from pyros_kernel.alerts.intake import Intake
from pyros_kernel.alerts.kafka import NoKafka
from pyros_kernel.alerts.received import Received
from pyros_kernel.alerts.transport import CannotListen
from pyros_kernel.clock import Clock
from pyros_kernel.store import Store, StoreError

logger = logging.getLogger(__name__)

_WAITING = 100_000
_STOP_S = 2.0


class _Voice:
    """Say lines in a thread of their own: a kernel that is slow to read delays no acknowledgement."""

    def __init__(self) -> None:
        self._lines: queue.Queue[dict[str, Any] | None] = queue.Queue(_WAITING)
        # What a library prints must not come between the lines.
        self._out = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        self._thread = threading.Thread(target=self._run, name="pyros-voice", daemon=True)
        self._thread.start()

    def say(self, words: dict[str, Any]) -> None:
        try:
            self._lines.put_nowait(words)
        except queue.Full:
            logger.error("the kernel does not listen; told at the next start: %s", words)

    def new(self, received: Received) -> None:
        self.say(
            {
                "new": received.alert_id,
                "last_byte_s": received.last_byte_s,
                "steps": received.steps,
                "source": received.source,
            }
        )

    def close(self) -> None:
        self._lines.put(None)
        self._thread.join(_STOP_S)

    def _run(self) -> None:
        try:
            while (words := self._lines.get()) is not None:
                self._out.write(json.dumps(words).encode() + b"\n")
                self._out.flush()
        except OSError:  # nobody listens any more: the standard input says so too
            logger.warning("the kernel is gone")


class _Commands:
    """Do what the kernel asks for."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._sources: list[object] = []
        self._by_name: dict[str, Callable[[dict[str, Any]], object]] = {
            "subscribe": lambda w: intake.subscribe(w["host"], w["port"], w["filters"]),
            "broadcast": lambda w: intake.broadcast(w["port"]),
            "kafka": lambda w: intake.kafka(w["settings"], w["topics"]),
            "watch": lambda w: intake.watch(w["directory"]),
        }

    def do(self, words: dict[str, Any]) -> dict[str, Any]:
        name = words["do"]
        if name == "take":
            return {"text": self._intake.take(words["path"])}
        if name == "bring":
            answer = self._intake.bring(base64.b64decode(words["raw"]), words["source"])
            return {"text": answer.text, "ack": answer.ack}
        if name == "describe":
            return {"text": str(self._sources[words["at"]])}
        try:
            source = self._by_name[name](words)
        except (CannotListen, NoKafka) as error:
            return {"problem": str(error)}
        self._sources.append(source)
        return {"text": str(source), "port": getattr(source, "port", 0)}


def main() -> None:
    """Serve until the standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(message)s", stream=sys.stderr)
    voice = _Voice()
    words = cast(dict[str, Any], json.loads(sys.stdin.readline()))
    try:
        store = Store.open(words["database_url"])
    except StoreError as error:
        voice.say({"problem": str(error)})
        voice.close()
        return
    intake = Intake(
        store,
        Path(words["directory"]),
        Clock.from_words(words["clock"]),
        host=words["host"],
        port=words["port"],
        act=voice.new,
        counted=lambda what: voice.say({"counted": what}),
    )
    try:
        intake.start(lambda: voice.say({"ready": intake.port}))
        spare_collector()
        commands = _Commands(intake)
        for line in sys.stdin:
            words = json.loads(line)
            voice.say(commands.do(words) | {"asked": words.get("asked")})
    except CannotListen as error:
        voice.say({"problem": str(error)})
    finally:
        intake.stop()
        store.close()
        voice.close()


if __name__ == "__main__":
    main()
