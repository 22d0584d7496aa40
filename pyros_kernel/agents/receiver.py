"""The I/O thread of an agent: takes, acknowledges and answers while the agent is busy."""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import zmq

from pyros_kernel.agents.config import Address
from pyros_kernel.agents.message import BadMessage, Message, Reply
from pyros_kernel.agents.transport import Listener
from pyros_kernel.beat import to_next

_TICK_S = 1.0
_AT_ONCE = 100  # messages taken between two looks at the clock


class Receiver:
    """Listen for an agent.

    :param name: the agent's name
    :param address: where it listens
    :param accept: decides on a message, quickly, in this thread
    :param tick: is called about every second
    """

    def __init__(
        self, name: str, address: Address, accept: Callable[[Message], Reply], tick: Callable[[], None]
    ) -> None:
        self._address, self._accept, self._tick = address, accept, tick
        self._logger = logging.getLogger(f"pyros_kernel.agents.{name}")
        self._thread = threading.Thread(target=self._run, name=f"pyros-{name}-receiver", daemon=True)
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._wake: int | None = None
        self._woken = -1
        self._listener: Listener | None = None
        self.beat = time.monotonic()

    def start(self) -> None:
        """Listen, from now on.

        :raises zmq.ZMQError: if the address can't be listened on
        :raises ConfigError: if the network reaches it, and there is no key
        """
        self._listener = Listener(self._address)
        self._woken, self._wake = os.pipe()
        self._thread.start()

    def is_alive(self) -> bool:
        """Tell whether the thread runs."""
        return self._thread.is_alive()

    def stop(self, timeout_s: float = 2.0) -> None:
        """Free the address; called from the receiver's own thread, do so as soon as it has answered."""
        self._stopping.set()
        with self._lock:
            wake, self._wake = self._wake, None
        if wake is not None:
            os.close(wake)  # which the other end, in the poll, sees
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        listener = self._listener
        assert listener is not None
        poller = zmq.Poller()
        poller.register(listener.socket, zmq.POLLIN)
        poller.register(self._woken, zmq.POLLIN)
        try:
            while not self._stopping.is_set():
                self.beat = time.monotonic()
                self._once(poller, listener.socket)
        finally:
            os.close(self._woken)
            listener.close()

    def _once(self, poller: zmq.Poller, listener: zmq.Socket[Any]) -> None:
        try:
            for ready, _ in poller.poll(math.ceil(1000 * to_next(_TICK_S))):
                if ready is listener:
                    self._take(listener)
            self._tick()
        except Exception:  # whatever came in, the agent must stay reachable
            self._logger.exception("the receiver goes on after an error")
            self._stopping.wait(0.05)

    def _take(self, listener: zmq.Socket[Any]) -> None:
        for _ in range(_AT_ONCE):
            try:
                frames = listener.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            reply = self._answer(frames[1:])
            listener.send_multipart([frames[0], reply.encode()])

    def _answer(self, frames: list[bytes]) -> Reply:
        try:
            if len(frames) != 1:
                raise BadMessage(f"{len(frames)} frames instead of one")
            message = Message.decode(frames[0])
        except BadMessage as error:
            self._logger.warning("ignored what is no message: %s", error)
            return Reply("", taken=False, why=f"not a message: {error}")
        return self._accept(message)
