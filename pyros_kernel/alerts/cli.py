"""``pyros broker``, with the names of Comet's options where it has them."""

from __future__ import annotations

import contextlib
import logging
import signal
import sys
import threading
import time
from pathlib import Path

import click

_PORT = 8099
_LOOK_S = 0.1


def _remote(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":") if text.rpartition(":")[2].isdigit() else (text, ":", str(_PORT))
    return host.strip("[]"), int(port)


@click.command()
@click.option("-r", "--receive", is_flag=True, help="Listen for authors.")
@click.option("--receive-port", type=int, default=None, help="Port for authors (8098); listens if it is given.")
@click.option("-b", "--broadcast", is_flag=True, help="Serve subscribers.")
@click.option("--broadcast-port", type=int, default=None, help="Port for subscribers (8099); serves if it is given.")
@click.option("--broadcast-test-interval", type=float, default=3600.0, show_default=True, help="Seconds; 0: none.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for all.")
@click.option("--remote", "remotes", multiple=True, metavar="HOST[:PORT]", help="Subscribe to this broker; repeat.")
@click.option("--filter", "filters", multiple=True, metavar="XPATH", help="Ask remotes to filter; repeat.")
@click.option(
    "--remote-filter",
    "remote_filters",
    multiple=True,
    nargs=2,
    metavar="HOST[:PORT] XPATH",
    help="Ask this one --remote to filter; repeat.",
)
@click.option("--local-ivo", default=None, help="Own identity, ivo://…; needed with either port.")
@click.option("--author-whitelist", multiple=True, metavar="NETWORK", help="Networks of authors; all if left out.")
@click.option("--subscriber-whitelist", multiple=True, metavar="NETWORK", help="Networks of subscribers; all.")
@click.option("--save-event", is_flag=True, help="Save each packet, as it came, in the working directory.")
@click.option("--save-event-directory", type=click.Path(path_type=Path), default=None, help="Save each packet there.")
@click.option("--print-event", is_flag=True, help="Write each packet to standard output.")
@click.option("--cmd", "commands", multiple=True, help="Run this with each packet on its standard input; repeat.")
@click.option("--eventdb", type=click.Path(path_type=Path), default=None, help="Where it remembers; ./data/broker.")
@click.option("--watch", "watched", multiple=True, type=click.Path(path_type=Path), help="Take new files; repeat.")
@click.option("--kafka", "kafka", multiple=True, metavar="NAME=VALUE", help="librdkafka's setting; repeat.")
@click.option("--kafka-topic", "topics", multiple=True, help="Name or pattern; GCN's if left out; repeat.")
@click.option("-v", "--verbose", is_flag=True, help="Say what is done.")
@click.option("-q", "--quiet", is_flag=True, help="Say only what went wrong.")
def broker(
    receive: bool,
    receive_port: int | None,
    broadcast: bool,
    broadcast_port: int | None,
    broadcast_test_interval: float,
    host: str,
    remotes: tuple[str, ...],
    filters: tuple[str, ...],
    remote_filters: tuple[tuple[str, str], ...],
    local_ivo: str | None,
    author_whitelist: tuple[str, ...],
    subscriber_whitelist: tuple[str, ...],
    save_event: bool,
    save_event_directory: Path | None,
    print_event: bool,
    commands: tuple[str, ...],
    eventdb: Path | None,
    watched: tuple[Path, ...],
    kafka: tuple[str, ...],
    topics: tuple[str, ...],
    verbose: bool,
    quiet: bool,
) -> None:
    """Receive VOEvents and pass them on, until interrupted: a broker without an observatory."""
    from pyros_kernel.alerts import plugins
    from pyros_kernel.alerts.allowed import EVERYONE, Allowed
    from pyros_kernel.alerts.broker import Broker, BrokerSettings
    from pyros_kernel.alerts.collector import spare_collector
    from pyros_kernel.alerts.kafka import GCN_TOPICS, NoKafka
    from pyros_kernel.alerts.transport import CannotListen
    from pyros_kernel.store import StoreError

    receives, broadcasts = receive or receive_port is not None, broadcast or broadcast_port is not None
    if not (receives or broadcasts or remotes or watched or kafka):
        raise click.UsageError("nothing to do: give --receive, --broadcast, --remote, --kafka or --watch")
    if (receives or broadcasts) and not local_ivo:
        raise click.UsageError("--local-ivo is needed: under this name it answers, such as ivo://my.institute/broker")
    addresses, of_remotes = [_remote(text) for text in remotes], dict[tuple[str, int], tuple[str, ...]]()
    for text, expression in remote_filters:
        if (address := _remote(text)) not in addresses:
            raise click.UsageError(f"--remote-filter {text}: there is no such --remote")
        of_remotes[address] = (*of_remotes.get(address, ()), expression)
    own: list[tuple[str, plugins.Plugin]] = [(f"cmd-{i}", plugins.command(words)) for i, words in enumerate(commands)]
    if save_event or save_event_directory is not None:
        own.append(("save-event", plugins.saver(save_event_directory or Path())))
    if print_event:
        own.append(("print-event", plugins.printer))
    try:
        settings = BrokerSettings(
            local_ivo=local_ivo or "ivo://pyros/broker",
            host=host,
            receive_port=(8098 if receive_port is None else receive_port) if receives else None,
            broadcast_port=(_PORT if broadcast_port is None else broadcast_port) if broadcasts else None,
            test_interval_s=broadcast_test_interval,
            remotes=addresses,
            filters=filters,
            remote_filters=of_remotes,
            authors=Allowed(author_whitelist) if author_whitelist else EVERYONE,
            subscribers=Allowed(subscriber_whitelist) if subscriber_whitelist else EVERYONE,
            plugins=plugins.named(own),
            kafka=({n: v for n, _, v in (text.partition("=") for text in kafka)}, topics or GCN_TOPICS)
            if kafka
            else None,
            watched=watched,
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    level = logging.DEBUG if verbose else logging.ERROR if quiet else logging.INFO
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)-7s %(message)s", stream=sys.stderr)
    ending = threading.Event()

    def end(_number: int, _frame: object) -> None:
        ending.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    running = Broker(settings, (eventdb or Path("data") / "broker").resolve())
    try:
        running.start()
    except (CannotListen, StoreError, NoKafka, OSError) as error:
        raise click.ClickException(str(error)) from None
    try:
        author, subscriber = running.ports
        click.echo(f"ready: authors {author or '-'}, subscribers {subscriber or '-'}", err=True)
        spare_collector()
        ending.wait()
    finally:
        running.stop()


@click.command()
@click.argument("archive", type=click.Path(path_type=Path, exists=True))
@click.option("--host", default="localhost", show_default=True)
@click.option("--port", type=int, default=8098, show_default=True, help="The author port they are brought to.")
@click.option(
    "--broadcast-port",
    type=int,
    metavar="PORT",
    help="Be a broker instead: they go to who subscribes here, who keeps what an author port refuses (GECAM).",
)
@click.option("--at", default=None, metavar="TIME", help="ISO, UTC: when the first one is sent; now if left out.")
@click.option("--faster", type=click.FloatRange(min=0, min_open=True), default=1.0, show_default=True)
def replay(archive: Path, host: str, port: int, broadcast_port: int | None, at: str | None, faster: float) -> None:
    """Send kept packets (a file, a directory, a tar) at their own spacing, or N times faster.

    They are brought to an author port; a broker (--broadcast-port) waits for its first subscriber.  Times are by the
    system's clock; obs.alerts.replay() goes by an observatory's own.  Exit status 1 if one of them was refused or not
    delivered.
    """
    from pyros_kernel.alerts.archive import NoArchive, read_archive
    from pyros_kernel.alerts.rebroadcast import Rebroadcast
    from pyros_kernel.alerts.replay import AlertReplay
    from pyros_kernel.alerts.transport import CannotListen
    from pyros_kernel.clock import Clock, utc

    clock = Clock()
    try:
        when = None if at is None else utc(at)
        packets = read_archive(archive)
    except (NoArchive, ValueError) as error:
        raise click.ClickException(str(error)) from None
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(message)s", stream=sys.stderr)
    with contextlib.ExitStack() as stack:
        bring = None
        if broadcast_port is not None:
            try:
                broker = stack.enter_context(Rebroadcast(host, broadcast_port))
            except CannotListen as error:
                raise click.ClickException(str(error)) from None
            click.echo(f"ready: subscribers {broker.port}", err=True)
            while not broker.subscribers:  # nobody knows when one comes: until then, or Ctrl-C
                time.sleep(_LOOK_S)
            bring = broker.bring
        sending = AlertReplay(packets, when or clock.now(), clock, faster=faster, host=host, port=port, bring=bring)
        stack.callback(sending.stop)
        sending.start()
        while not sending.wait(0.5):
            pass
    click.echo(repr(sending))
    sys.exit(0 if all(a.ack for a in sending.answers) and not sending.problem else 1)


if __name__ == "__main__":
    broker()
