"""An agent's message round trip (sent, checked, in the inbox, acknowledged) next to a bare pyzmq echo; and the Watcher.

Both run in this process, over TCP on the loopback, one message at a time; rounds of the two alternate, so that
what else the machine does falls on both.  The Watcher looks after an agent that dies, hangs and goes round in circles.
"""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Callable

import zmq

from pyros_kernel.agents import Agent, AgentConfig, AgentHost, Sender, Watcher, use

_ROUNDS = 20
_PER_ROUND = 100
_MESSAGE = "Observation finished"
_LONGEST_S = 60.0


class _Listener(Agent):
    def __init__(self, config: AgentConfig) -> None:
        super().__init__(Agent.SCHEDULER, config=config)
        self.actions_by_message[_MESSAGE] = lambda: None


class _Bad(Agent):
    """Does what no agent should, once per message."""

    hang_s = 600.0  # it is its silence that tells

    def __init__(self, ended: threading.Event) -> None:
        super().__init__(Agent.SCHEDULER)
        self.actions_by_message.update({"die": self.die, "hang": lambda: ended.wait(600), "loop": self.loop})

    def die(self) -> None:
        raise SystemExit(1)

    def loop(self) -> None:
        Sender.send_to(Agent.SCHEDULER, "loop")


def watch() -> list[tuple[str, str]]:
    """Time until the Watcher sees an agent in trouble, and until another one works in its place."""
    use(AgentConfig.with_free_ports())
    try:
        return [_trouble(what) for what in ("die", "hang", "loop")]
    finally:
        use(None)


def _trouble(what: str) -> tuple[str, str]:
    ended = threading.Event()
    host = AgentHost({Agent.SCHEDULER: lambda: _Bad(ended), Agent.WATCHER: lambda: Watcher(host)})
    host.start_all()
    try:
        began_s = time.monotonic()
        Sender.send_to(Agent.SCHEDULER, what)
        seen_s = _when(lambda: any("to be restarted" in incident.what for incident in host.incidents)) - began_s
        back_s = _when(lambda: host.views()[0].restarts == 1) - began_s
    finally:
        ended.set()
        host.stop_all()
    return f"an agent told to {what}: seen, replaced", f"{seen_s:.1f} s, {back_s:.1f} s"


def _when(done: Callable[[], bool]) -> float:
    end_s = time.monotonic() + _LONGEST_S
    while not done() and time.monotonic() < end_s:
        time.sleep(0.01)
    return time.monotonic()


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
    return [*rows, ("agent message / bare pyzmq echo: p50, p99", ratio), *watch()]


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
