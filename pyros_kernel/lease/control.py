"""The control lease: one kernel commands the instruments, the others watch and know who does."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from pyros_kernel.lease.view import LeaseView, lapsed
from pyros_kernel.lock import user_name
from pyros_kernel.store import Lease, LeaseEvent, Store

logger = logging.getLogger(__name__)

LASTS_REAL_S = 15.0
NAME = "observatory"


class LeaseHeld(Exception):
    """Another kernel commands; says who, since when, and what can be done."""


class NotCommanding(Exception):
    """A command was refused: this kernel does not hold the lease; says who does."""


class ControlLease:
    """Hold the lease of an observatory, or know who does.

    It is renewed by a thread of its own; a holder that can't renew it stops commanding before it lapses, and commands
    again once it can, if nobody took it meanwhile.

    :param store: shared by all kernels of the observatory
    :param what: what runs here, such as ``notebook``
    :param lasts_real_s: how long it lasts without being renewed
    :param on_taken: called with the reason when another kernel has it
    :param on_held: called with the reason when it could not be renewed in time, and with "" when it could again
    :param me: the name under which it is held; that of another lease of this process, to go on with it
    """

    def __init__(
        self,
        store: Store,
        what: str = "notebook",
        *,
        lasts_real_s: float = LASTS_REAL_S,
        on_taken: Callable[[str], None] | None = None,
        on_held: Callable[[str], None] | None = None,
        me: str = "",
    ) -> None:
        self.me = (
            me or f"{user_name()} on {socket.gethostname()}, process {os.getpid()} ({what}) {uuid.uuid4().hex[:6]}"
        )
        self._store, self._lasts_s = store, lasts_real_s
        self._on_taken, self._on_held = on_taken, on_held
        self._late = False  # not renewed in time, and nobody known to have it
        self._renewed_s: float | None = None  # time.monotonic(); None: not held
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._told = ""

    @property
    def held(self) -> bool:
        """Whether this kernel commands."""
        return self._renewed_s is not None and time.monotonic() - self._renewed_s < self._lasts_s

    def view(self) -> LeaseView:
        """Say who commands."""
        with self._store.session(read_only=True) as session:
            row = session.scalar(select(Lease).where(Lease.name == NAME))
        return LeaseView.of(row)

    def acquire(self) -> None:
        """Take the lease if nobody has it, or its holder is gone; having it already is fine.

        :raises LeaseHeld: if another kernel commands
        """
        before_s = time.monotonic()
        with self._writing() as (session, row):
            if row.holder not in ("", self.me):
                if not (gone := lapsed(row)):
                    raise LeaseHeld(
                        f"{LeaseView.of(row)}: ask for it (lease.ask), or take it in an emergency (lease.break_glass)"
                    )
                self._record(session, "lapsed", row.holder, gone)
            if row.holder != self.me:
                self._take(session, row, "taken", "")
            row.host, row.pid = socket.gethostname(), os.getpid()
            self._prolong(row)
        self._begin(before_s)

    def ask(self, why: str) -> None:
        """Ask the holder to hand over; it is shown there."""
        with self._writing() as (session, row):
            row.asked_by, row.asked_for = self.me, why
            self._record(session, "asked", row.holder, why)

    def hand_over(self) -> str:
        """Give the lease to who asked for it.

        :return: who that is
        :raises NotCommanding: if it is not held here
        :raises LookupError: if nobody asked
        """
        self.check("hand over")
        with self._writing() as (session, row):
            if row.holder != self.me:
                raise NotCommanding(f"hand over refused: {row.holder or 'nobody'} commands")
            if not row.asked_by:
                raise LookupError("nobody asked for the lease")
            to, why = row.asked_by, row.asked_for
            self._take(session, row, "handed over", why, to=to)
            self._prolong(row)  # for the time that the other one needs to notice
        self._end()
        self._lose(f"handed over to {to}")
        return to

    def break_glass(self, why: str) -> None:
        """Take the lease from whoever has it; recorded with the reason, and told to the one who had it.

        :raises ValueError: without a reason
        """
        if not why.strip():
            raise ValueError("breaking the glass needs a reason; it is recorded")
        before_s = time.monotonic()
        with self._writing() as (session, row):
            if row.holder != self.me:
                logger.warning("the control lease of %s is broken: %s", row.holder or "nobody", why)
                self._take(session, row, "broken", why)
            self._prolong(row)
        self._begin(before_s)

    def stop_renewing(self) -> None:
        """Leave the lease as it is, for another one of the same name to go on with."""
        self._end()

    def release(self) -> None:
        """Give the lease back; not having it is fine."""
        self._end()
        try:
            with self._writing() as (session, row):
                if row.holder == self.me:
                    self._take(session, row, "released", "", to="")
                    row.expires = row.heartbeat = row.since = None
        except DBAPIError as error:
            logger.warning("the lease could not be given back, it lapses by itself: %s", error.orig)

    def check(self, command: str) -> None:
        """Refuse a command unless this kernel holds the lease.

        :param command: its name, for the refusal
        :raises NotCommanding: if it does not
        """
        if not self.held:
            raise NotCommanding(
                f"{command} refused: {self.view()}, not this kernel; ask for it (lease.ask) or break the glass"
            )

    def renew(self) -> None:
        """Renew it once, as the thread does."""
        before_s = time.monotonic()
        with self._writing() as (_, row):
            if row.holder == self.me:
                self._prolong(row)
                asked, why, lost = row.asked_by, row.asked_for, ""
            else:
                asked, why, lost = "", "", f"{row.holder or 'nobody'} has it now"
        if not lost:
            self._renewed_s = before_s  # from before the commit on: this kernel stops before the others may start
            if self._late:
                self._hold("")
        elif self._renewed_s is not None:
            self._lose(lost)
            return
        if asked and asked != self._told:
            self._told = asked
            logger.warning("%s asks for the control lease: %s (lease.hand_over() gives it)", asked, why)

    # ------------------------------------------------------------------

    def _begin(self, renewed_s: float) -> None:
        self._renewed_s = renewed_s
        self._ending.clear()
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._keep, name="pyros-lease", daemon=True)
            self._thread.start()

    def _end(self) -> None:
        self._renewed_s = None
        self._ending.set()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(10.0)

    def _keep(self) -> None:
        while not self._ending.wait(self._lasts_s / 3):
            try:
                self.renew()
            except DBAPIError as error:
                logger.warning("the control lease could not be renewed: %s", error.orig)
                if not self.held and not self._late and self._renewed_s is not None:
                    self._hold("the control lease could not be renewed in time: the store is away")
            if self._renewed_s is None:
                return

    def _hold(self, why: str) -> None:
        """Stop commanding for as long as nobody knows who may; the guardian stays: nobody else has one yet."""
        self._late = bool(why)
        logger.log(logging.ERROR if why else logging.WARNING, "%s", why or "the control lease is renewed again")
        if self._on_held is not None:
            self._on_held(why)

    def _lose(self, why: str) -> None:
        self._renewed_s, self._late = None, False
        logger.error("this kernel does not command any more: %s", why)
        if self._on_taken is not None:
            self._on_taken(why)

    @contextmanager
    def _writing(self) -> Generator[tuple[Session, Lease]]:
        """Open the row for writing, alone; made if it is not there."""
        with self._store.session() as session:
            row = session.scalar(select(Lease).where(Lease.name == NAME).with_for_update())
            if row is None:
                row = Lease(name=NAME, holder="", host="", pid=0, asked_by="", asked_for="")
                session.add(row)
                session.flush()
            yield session, row

    def _take(self, session: Session, row: Lease, what: str, why: str, to: str | None = None) -> None:
        self._record(session, what, row.holder, why)
        row.holder = self.me if to is None else to
        # Of somebody else's process nothing is known here: only time tells whether it lives.
        row.host, row.pid = (socket.gethostname(), os.getpid()) if to is None else ("", 0)
        row.since = datetime.now(UTC)
        row.asked_by = row.asked_for = ""

    def _prolong(self, row: Lease) -> None:
        now = datetime.now(UTC)
        row.heartbeat, row.expires = now, now + timedelta(seconds=self._lasts_s)

    def _record(self, session: Session, what: str, holder: str, why: str) -> None:
        now = datetime.now(UTC)
        session.add(LeaseEvent(time=now, name=NAME, what=what, by=self.me, holder=holder, reason=why))
