"""The observer's machine: attached to the agents, it begins the night, and sends tasks and messages all the time.

The first line it reads says that the agents are there; each other one is a question: ``how many`` (tasks, messages and
executed sequences so far, and the night's status), ``enough`` (no more tasks and messages; what became of all),
``snapshot`` (the night, the dome, the agents).
"""

from __future__ import annotations

import json
import sys
import threading
from itertools import count
from typing import Any

import pyros_test_operations as operations
from kombu.exceptions import KombuError
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from pyros_kernel import Observatory
from pyros_kernel.agents import NotDelivered, Sender
from pyros_kernel.store import Sequence, SequenceStatus, StoreError
from pyros_kernel.store.patience import patiently
from pyros_kernel.tasks import app, ledger

EVERY_S, MONITORING_EVERY = 0.2, 25
stop = threading.Event()
sent: dict[int, Any] = {}
looked: list[Any] = []
said: list[int] = []
doubtful: list[int] = []
refused: list[str] = []


def send() -> None:
    """Send a task again and again, and now and then one that asks all instruments."""
    while not stop.wait(EVERY_S):
        number = len(sent)
        try:
            sent[number] = operations.mul.delay(number, 3)
            if number % MONITORING_EVERY == 0:
                looked.append(app.tasks["monitoring"].delay())
        except (StoreError, DBAPIError, KombuError) as error:  # it could not be written down, and so was not sent
            refused.append(repr(error))


def tell() -> None:
    """Tell the listener one number after the other."""
    for number in count():
        if stop.wait(EVERY_S):
            return
        try:
            Sender.send_to("listener", "Number", {"number": number}, timeout_s=1.0)
        except NotDelivered:
            doubtful.append(number)  # it may have arrived, and only its acknowledgement be lost
        else:
            said.append(number)


def executed() -> int:
    """Count the sequences that were observed."""
    with obs.store.session(read_only=True) as session:
        return session.scalar(select(func.count()).where(Sequence.status == SequenceStatus.EXECUTED)) or 0


def answer(question: str) -> Any:
    """Answer the test."""
    if question == "how many":
        # The link to the store may have come back at this moment: who asks at a prompt asks again.
        return len(sent), len(said), *patiently("a look at the night", lambda: (executed(), night.status))
    if question == "enough":
        stop.set()
        for thread in threads:
            thread.join()
        results = {number: result.get(timeout=120) for number, result in sent.items()}
        tries = [row.tries for result in sent.values() if (row := ledger.read(result.id)) is not None]
        looks = [result.get(timeout=120) for result in looked]
        return {
            "tasks": results,
            "tries": tries,
            "looks": looks,
            "said": said,
            "doubtful": doubtful,
            "refused": refused,
        }
    snapshot = obs.snapshot()
    dome = next(device for device in snapshot.devices if device.kind == "dome")
    return {"night": night.status, "dome": dome.state, "agents": {a.name: a.state for a in snapshot.agents}}


sys.stdin.readline()  # imported, it waits for the agents: the night's clock runs fast already
obs = Observatory().attach()
night = obs.observe()
threads = [threading.Thread(target=each) for each in (send, tell)]
for each in threads:
    each.start()
print(json.dumps(obs.clock.speed), flush=True)
try:
    for line in sys.stdin:
        print(json.dumps(answer(line.strip())), flush=True)
finally:
    stop.set()
    obs.stop()
