"""Kept packets: read from files, directories and tars, and sent again at their own spacing."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from astropy.time import Time

from pyros_kernel.alerts import AlertReplay, NoArchive, VtpReceiver, read_archive
from pyros_kernel.alerts.remote import Remote
from tests.waiting import until

PACKETS = Path(__file__).parent / "packets"
# (file, seconds after the first one)
SENT = (("c.xml", 0), ("a.xml", 30), ("b.xml", 90))


@pytest.fixture
def archive(tmp_path: Path, variant: Callable[..., bytes]) -> Path:
    """Give a directory of packets that were sent half a minute and a minute apart, and what is none."""
    directory = tmp_path / "archive" / "2022-09"
    directory.mkdir(parents=True)
    for name, after_s in SENT:
        sent = f"2022-09-30T11:{12 + after_s // 60}:{after_s % 60:02}".encode()
        number = str(2_000_000 + after_s).encode()
        (directory / name).write_bytes(variant((b"<Date>2022-09-30T11:12:15", b"<Date>" + sent), (b"1125809", number)))
    (directory / "readme.txt").write_text("not a packet")
    return directory.parent


@pytest.mark.parametrize("kind", ["directory", "tar", "tar.gz", "tar.bz2"])
def test_packets_come_in_the_order_in_which_they_were_sent(archive: Path, tmp_path: Path, kind: str) -> None:
    path = archive
    if kind != "directory":
        path = tmp_path / f"archive.{kind}"
        with tarfile.open(path, f"w:{kind.partition('.')[2]}") as tar:
            tar.add(archive, "archive")
    packets = read_archive(path)
    assert [Path(p.name).name for p in packets] == [name for name, _ in SENT]
    first = packets[0].sent_s
    assert first is not None
    assert [(p.sent_s or 0) - first for p in packets] == [after_s for _, after_s in SENT]
    assert all(b"VOEvent" in p.raw for p in packets)


def test_one_that_does_not_say_when_goes_with_the_one_before_it(archive: Path) -> None:
    (archive / "2022-09" / "aa.xml").write_bytes(b"nonsense")
    assert [Path(p.name).name for p in read_archive(archive)] == ["c.xml", "a.xml", "aa.xml", "b.xml"]


def test_what_holds_no_packet_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoArchive, match=r"no file that ends with \.json or \.xml"):
        read_archive(tmp_path)
    with pytest.raises(NoArchive, match="can't be read"):
        read_archive(tmp_path / "nothing")
    torn = tmp_path / "torn.tar.gz"
    with tarfile.open(torn, "w:gz") as tar:
        tar.add(__file__, "a.xml")
    torn.write_bytes(torn.read_bytes()[:-200])
    with pytest.raises(NoArchive, match="can't be read"):
        read_archive(torn)


@pytest.mark.parametrize(("faster", "second_s", "third_s"), [(1.0, 30, 90), (10.0, 3, 9)])
def test_they_are_sent_at_their_own_spacing_or_faster(
    desk: Any, receiver: VtpReceiver, archive: Path, faster: float, second_s: float, third_s: float
) -> None:
    replay = AlertReplay(
        read_archive(archive), Time("2022-09-30T11:12:30"), desk.clock, faster=faster, port=receiver.port
    )
    replay.start()
    try:
        sent_at: list[float] = []
        begin_s = desk.clock.unix_s()
        for step in range(150):
            desk.clock.advance(1)
            if (step + 1) in {10, 10 + second_s, 10 + third_s}:
                until(lambda: len(replay.answers) > len(sent_at))
                sent_at.append(desk.clock.unix_s() - begin_s)
            assert len(replay.answers) == len(sent_at)
        assert replay.wait(10)
    finally:
        replay.stop()
    assert sent_at == [10, 10 + second_s, 10 + third_s]
    assert repr(replay) == "<replay of 3 packets: 3 taken, 0 refused; ended>"


def test_the_command_replays_to_any_broker(desk: Any, receiver: VtpReceiver, archive: Path) -> None:
    (archive / "2022-09" / "d.xml").write_bytes(b"nonsense")
    words = [sys.executable, "-m", "pyros_kernel.cli", "replay", str(archive), "--port", str(receiver.port)]
    done = subprocess.run([*words, "--faster", "1000"], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "<replay of 4 packets: 3 taken, 1 refused; ended>\n"), done.stderr
    assert "d.xml was refused: not well-formed XML" in done.stderr
    assert len(desk.files) == 3


def test_as_a_broker_it_brings_what_an_author_port_refuses(desk: Any, archive: Path, tmp_path: Path) -> None:
    gecam = PACKETS / "gecam_flt_event__02.xml"
    (archive / gecam.name).write_bytes(gecam.read_bytes())
    words = [sys.executable, "-m", "pyros_kernel.cli", "replay", str(archive), "--broadcast-port", "0"]
    upstream = VtpReceiver(desk.inbox.receive_all, desk.act, port=None)
    with subprocess.Popen(
        [*words, "--faster", "1e9"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as replay:
        assert replay.stderr is not None
        ready = next(line for line in replay.stderr if line.startswith("ready: subscribers "))
        upstream.add(Remote("127.0.0.1", int(ready.split()[-1]), desk.inbox.receive_all, desk.act))
        upstream.start()
        said, _ = replay.communicate(timeout=60)
    upstream.stop()
    assert (replay.returncode, said) == (0, "<replay of 4 packets: 4 taken, 0 refused; ended>\n")
    assert gecam.read_bytes() in {path.read_bytes() for path in desk.files}
    assert len(desk.files) == 4


def test_a_speed_that_is_none_is_refused(desk: Any) -> None:
    with pytest.raises(ValueError, match="above 0"):
        AlertReplay([], Time("2022-09-30"), desk.clock, faster=0, port=1)
