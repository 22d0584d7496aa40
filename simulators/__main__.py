"""Run the simulators: ``python -m simulators --clock WORDS``."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from instruments.clock import Clock
from instruments.pyros.scenario import Scenario
from simulators.config import SimulatorConfig, Site
from simulators.host import Host
from simulators.server import LOOPBACK


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; print one line ``READY {name: port}`` when every port is open.

    :param argv: arguments; those of the process if left out
    :return: exit code: 0 at a clean end, 2 for bad arguments, 3 if a port is taken
    """
    args = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        clock = Clock.from_words(args.clock)
        site = Site() if args.site is None else Site.from_words(args.site)
        if args.devices is None:
            config = SimulatorConfig.default(args.port_base)
        else:
            config = SimulatorConfig.from_json(args.devices, args.port_base)
        host = Host(config, clock, site, args.seed, args.listen)
        scenarios = [Scenario.read(path) for path in args.scenario]
    except ValueError as error:
        sys.stderr.write(f"simulators: {error}\n")
        return 2
    try:
        asyncio.run(_serve(host, scenarios, args.die_with_stdin))
    except ValueError as error:
        sys.stderr.write(f"simulators: {error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"simulators: a port can't be opened: {error}\n")
        return 3
    return 0


async def _serve(host: Host, scenarios: list[Scenario], die_with_stdin: bool) -> None:
    loop = asyncio.get_running_loop()
    end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.set)
    if die_with_stdin:
        threading.Thread(target=_watch_stdin, args=(loop, end), name="pyros-stdin", daemon=True).start()
    with host.running() as ports:
        for scenario in scenarios:
            host.player.play(scenario)
        sys.stdout.write(f"READY {json.dumps(ports)}\n")
        sys.stdout.flush()
        await end.wait()


def _watch_stdin(loop: asyncio.AbstractEventLoop, end: asyncio.Event) -> None:
    # os.read, not sys.stdin: a daemon thread must hold no lock of the interpreter's at exit.
    while os.read(0, 4096):
        pass
    loop.call_soon_threadsafe(end.set)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m simulators", description="Simulated instruments.")
    parser.add_argument("--clock", default="system", help="words of a Clock (Clock.to_words); default: system time")
    parser.add_argument("--devices", help='JSON or file: {"telescope": {"kind": …, "port": 0, "settings": {}}, …}')
    parser.add_argument("--port-base", type=int, help="port of the first device; the others follow in order")
    parser.add_argument("--listen", default=LOOPBACK, help="address on which they are reached; default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="of everything that chance decides")
    parser.add_argument("--site", help="latitude,longitude,elevation (degrees north and east, metres)")
    parser.add_argument("--scenario", type=Path, action="append", default=[], help="JSON file of events; may repeat")
    parser.add_argument("--die-with-stdin", action="store_true", help="end when standard input closes")
    return parser


if __name__ == "__main__":
    sys.exit(main())
