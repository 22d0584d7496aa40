"""An agent's message round trip (sent, checked, in the inbox, acknowledged) next to a bare pyzmq echo.

Both run in this process, over TCP on the loopback, one message at a time; rounds of the two alternate, so that
what else the machine does falls on both.
"""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Callable

import zmq

from pyros_kernel.agents import Agent, AgentConfig, Sender

_ROUNDS = 20
_PER_ROUND = 100
_MESSAGE = "Observation finished"


class _Listener(Agent):
    def __init__(self, config: AgentConfig) -> None:
        super().__init__(Agent.SCHEDULER, config=config)
        self.actions_by_message[_MESSAGE] = lambda: None


def _echo(listener: zmq.Socket[bytes], stop: threading.Event) -> None:
    while not stop.is_set():
        if listener.poll(100):
            listener.send_multipart(listener.recv_multipart())


def _times_ms(once: Callable[[], object]) -> list[float]:
    times: list[float] = []
    for _ in range(_PER_ROUND):
        began = time.perf_counter()
        once()
        times.append((time.perf_counter() - began) * 1e3)
    return times


def measure() -> dict[str, list[float]]:
    """Time both; return name → sorted milliseconds."""
    config = AgentConfig.with_free_ports()
    agent = _Listener(config)
    agent.start()
    context = zmq.Context()
    router, dealer, stop = context.socket(zmq.ROUTER), context.socket(zmq.DEALER), threading.Event()
    dealer.connect(f"tcp://127.0.0.1:{router.bind_to_random_port('tcp://127.0.0.1')}")
    server = threading.Thread(target=_echo, args=(router, stop), daemon=True)
    server.start()

    def bare() -> None:
        dealer.send(b"x" * 120)
        dealer.recv()

    def message() -> None:
        Sender.send_to(Agent.SCHEDULER, _MESSAGE, config=config)

    times: dict[str, list[float]] = {"agent message": [], "bare pyzmq echo": []}
    try:
        for once in (bare, message):  # connected, and warm
            _times_ms(once)
        for _ in range(_ROUNDS):
            times["bare pyzmq echo"] += _times_ms(bare)
            times["agent message"] += _times_ms(message)
    finally:
        stop.set()
        server.join(5)
        dealer.close(linger=0)
        router.close(linger=0)
        context.term()
        agent.stop()
        Sender.close()
    return {name: sorted(values) for name, values in times.items()}


def run() -> list[tuple[str, str]]:
    """Return what was measured, as label and text."""
    times = measure()
    p50 = {name: values[len(values) // 2] for name, values in times.items()}
    p99 = {name: values[len(values) * 99 // 100] for name, values in times.items()}
    rows = [(f"{name}: p50, p99", f"{p50[name]:.3f} ms, {p99[name]:.3f} ms") for name in times]
    mine, bare = times
    ratio = f"{p50[mine] / p50[bare]:.2f}, {p99[mine] / p99[bare]:.2f}"
    return [*rows, ("agent message / bare pyzmq echo: p50, p99", ratio)]


def main() -> None:
    """Print it, with the environment."""
    print(
        f"Python {platform.python_version()}, pyzmq {zmq.__version__}, libzmq {zmq.zmq_version()}, "
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {_ROUNDS * _PER_ROUND} messages each"
    )
    for label, text in run():
        print(f"{label}: {text}")


if __name__ == "__main__":
    main()
