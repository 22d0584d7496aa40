"""What the guardian did, in its own log: one JSON object a line, only ever added to."""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path


class Journal:
    """Write the log; a full disk must not stop the guardian, so what can't be written goes to standard error.

    :param path: the file
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def write(self, what: str, now_s: float, **more: object) -> None:
        """Add a line.

        :param what: the word for what happened
        :param now_s: the observatory's time, unix seconds
        """
        line = {
            "time": datetime.fromtimestamp(now_s, UTC).isoformat(timespec="milliseconds"),
            "steady_s": round(time.monotonic(), 3),  # to be compared with other processes of this machine
            "pid": os.getpid(),
            "what": what,
            **more,
        }
        text = (json.dumps(line, ensure_ascii=False) + "\n").encode()
        try:
            os.write(self._file, text)
        except OSError as error:
            sys.stderr.write(f"guardian.log: {error}: {text.decode()}")

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)
