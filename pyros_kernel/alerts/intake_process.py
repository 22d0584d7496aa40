"""The intake as a child process of the kernel: whatever a notebook's cell does, acknowledgements are not late.

Child and kernel share the store and the data directory; the child alone writes the packets' journal.  It tells each
new alert in a line on its standard output; a line that is lost with a process costs nothing, because what is stored
but not decided about is told again at the next start.  Its end of the standard input is its owner's end.
"""

from __future__ import annotations

import base64
import logging
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from pyros_kernel.alerts.child import Child
from pyros_kernel.alerts.interpreter_lock import WAITING_S, claim, hurried, release
from pyros_kernel.alerts.reading import read_packet
from pyros_kernel.alerts.received import Received
from pyros_kernel.alerts.transport import CannotListen
from pyros_kernel.alerts.transport_message import Answer
from pyros_kernel.alerts.tree import NotVoevent
from pyros_kernel.clock import Clock
from pyros_kernel.store import Alert, Store, StoreError

logger = logging.getLogger(__name__)

_ANSWER_S = 20.0
_STOP_S = 10.0
_AGAIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Something that brings packets in the child process.

    :param port: the port it listens on; 0 if it has none
    """

    name: str
    port: int
    _describe: Callable[[], str]

    def __str__(self) -> str:
        return self._describe()


class IntakeProcess:
    """Take packets in a child process; it is started again if it dies.

    :param store: where their rows go
    :param directory: the data directory; the child's log is ``log/alerts.log`` in it
    :param act: called, in a thread of this process, with each new packet after it was acknowledged
    :param counted: called with what became of each packet: received, duplicate or refused
    """

    def __init__(
        self,
        store: Store,
        directory: Path,
        clock: Clock,
        *,
        host: str,
        port: int,
        act: Callable[[Received], None],
        counted: Callable[[str], None],
    ) -> None:
        self._store, self._directory = store, directory
        self._words: dict[str, Any] = {
            "database_url": store.engine.url.render_as_string(hide_password=False),
            "directory": str(directory),
            "clock": clock.to_words(),
            "host": host,
            "port": port,
        }
        self._act, self._counted = act, counted
        self._child: Child | None = None
        self._thread: threading.Thread | None = None
        self._ending = threading.Event()
        self._asking = threading.Lock()
        self._asked = 0  # the number of the last question: an answer that came too late is not the next one's
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self._sources: list[dict[str, Any]] = []  # what a new child is told to listen to

    @property
    def port(self) -> int:
        """The port on which authors are heard."""
        return int(self._words["port"])

    @property
    def pid(self) -> int | None:
        """The child's process id; None while there is none."""
        return None if self._child is None else self._child.pid

    def start(self) -> None:
        """Start the child; the port is open when this returns, and what was left undecided is told soon.

        :raises CannotListen: if the port is taken, or the child does not start; says why
        """
        self._start_child()
        # What follows an acknowledgement still competes with the kernel's cells.
        claim(WAITING_S)
        self._thread = threading.Thread(target=self._run, name="pyros-intake", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the child; twice is once."""
        self._ending.set()
        if self._child is not None:
            self._child.let_end()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(_STOP_S)
            release(WAITING_S)
        self._end_child()

    def subscribe(self, host: str, port: int, filters: Sequence[str] = ()) -> Elsewhere:
        """Listen to another broker from now on."""
        return self._source({"do": "subscribe", "host": host, "port": port, "filters": list(filters)})

    def broadcast(self, port: int) -> Elsewhere:
        """Serve subscribers from now on.

        :raises CannotListen: if the port is taken
        """
        return self._source({"do": "broadcast", "port": port})

    def kafka(self, settings: Mapping[str, Any], topics: Sequence[str]) -> Elsewhere:
        """Listen to Kafka from now on.

        :raises CannotListen: if its client is not installed
        """
        return self._source({"do": "kafka", "settings": dict(settings), "topics": list(topics)})

    def watch(self, directory: str) -> Elsewhere:
        """Take each file that appears in a directory from now on."""
        return self._source({"do": "watch", "directory": directory})

    def take(self, path: str) -> str:
        """Take a packet from a file, as if it had come by the network.

        :return: why it was not taken; empty if it was
        """
        return str(self._ask({"do": "take", "path": str(Path(path).absolute())})["text"])

    def bring(self, raw: bytes, source: str) -> Answer:
        """Take a packet as another broker would send it: one that breaks the schema is kept, with the error.

        :param source: who brings it, for people
        """
        answer = self._ask({"do": "bring", "raw": base64.b64encode(raw).decode(), "source": source})
        return Answer(bool(answer["ack"]), str(answer["text"]))

    def _source(self, words: dict[str, Any]) -> Elsewhere:
        answer = self._ask(words)
        at = len(self._sources)
        self._sources.append(words | {"port": answer["port"]} if words["do"] == "broadcast" else words)
        return Elsewhere(
            str(answer["text"]), int(answer["port"]), lambda: str(self._ask({"do": "describe", "at": at})["text"])
        )

    def _ask(self, words: dict[str, Any]) -> dict[str, Any]:
        with self._asking:
            child = self._child
            if child is None:
                raise CannotListen("the alerts' process is being started again: try in a second")
            self._asked += 1
            try:
                child.tell(words | {"asked": self._asked})
                while (answer := self._answers.get(timeout=_ANSWER_S))["asked"] != self._asked:
                    continue
            except (OSError, ValueError, queue.Empty) as error:
                raise CannotListen(f"the alerts' process does not answer: {error!r}") from error
        if problem := answer.get("problem"):
            raise CannotListen(str(problem))
        return answer

    def _run(self) -> None:
        while not self._ending.is_set():
            child = self._child
            if child is not None:
                for words in child.said():
                    self._hear(words)
            if self._ending.is_set():
                return
            logger.error("the alerts' process ended; it is started again (its log: %s)", self._log)
            self._end_child()
            try:
                child = self._start_child()
                for words in self._sources:
                    child.tell(words)
            except (CannotListen, OSError) as error:
                logger.error("the alerts' process: %s", error)
                self._ending.wait(_AGAIN_S)

    def _hear(self, words: dict[str, Any]) -> None:
        if "counted" in words:
            self._counted(str(words["counted"]))
        elif "new" in words:
            with hurried:
                received = self._read(words)
                if received is not None:
                    self._act(received)
        elif words["asked"] is not None:
            self._answers.put(words)

    def _read(self, words: dict[str, Any]) -> Received | None:
        alert_id = int(words["new"])
        try:
            with self._store.session(read_only=True) as session:
                path = session.get_one(Alert, alert_id).path
            packet = read_packet((self._directory / path).read_bytes())
        except (SQLAlchemyError, StoreError, OSError, NotVoevent):
            logger.exception("alert %d is stored, but can't be read; it is tried at the next start", alert_id)
            return None
        row = partial(int, alert_id)
        return Received(row, packet, False, float(words["last_byte_s"]), words["steps"], str(words["source"]))

    @property
    def _log(self) -> Path:
        return self._directory / "log" / "alerts.log"

    def _start_child(self) -> Child:
        self._child = child = Child("pyros_kernel.alerts.intake_child", self._words, self._log)
        self._words["port"] = child.ready["ready"]
        return child

    def _end_child(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.end()
