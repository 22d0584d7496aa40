"""The log's file on a disk that is full for a while."""

from __future__ import annotations

import logging
from collections.abc import Generator
from pathlib import Path

import pytest

from pyros_kernel.logbook import LogFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pyros.log"


@pytest.fixture
def logger(path: Path) -> Generator[logging.Logger]:
    file, logger = LogFile(path), logging.Logger("the test")
    logger.addHandler(file)
    yield logger
    file.close()


def test_lines_that_a_full_disk_swallows_are_counted_and_the_next_ones_written(
    logger: logging.Logger, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path.symlink_to("/dev/full")
    logger.warning("one")
    logger.warning("two")
    path.unlink()
    logger.warning("three")
    logger.warning("four")
    assert [line.partition("the test: ")[2] or line[24:] for line in path.read_text().splitlines()] == [
        "three",
        "WARNING pyros_kernel.logbook: 2 lines are missing above: the file could not be written",
        "four",
    ]
    assert capsys.readouterr().err == ""


def test_a_defect_in_a_line_is_told(logger: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    logger.warning("%d", "no number")
    assert "Logging error" in capsys.readouterr().err
