"""Tasks as panels see them, and taking one back through the observatory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pyros_kernel import Observatory
from pyros_kernel.desks import TaskRefused
from pyros_kernel.settings import Settings
from pyros_kernel.store import Store
from pyros_kernel.tasks import app, ledger
from pyros_kernel.view.tasks import read_tasks


@pytest.fixture
def obs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Observatory]:
    """Give an observatory that is not started: its tasks are there all the same."""
    monkeypatch.delenv("PYROS_BROKER_URL", raising=False)
    yield Observatory(tmp_path)
    app.use(None)


def test_what_waits_is_seen_and_taken_back_and_refusals_say_why(obs: Observatory, tmp_path: Path) -> None:
    app.use(Settings.from_environment(tmp_path))
    first, second = app.tasks["analysis"].delay(1), app.tasks["analysis"].delay(2)
    ledger.end(first.id, "PROGRESS", result={"done": 1, "total": 4})
    app.use(None)
    store = Store.open(obs.settings.database_url)
    with store.session(read_only=True) as session:
        seen = read_tasks(session)
    assert [(t.uuid, t.state, t.fraction, t.queue) for t in seen] == [
        (first.id, "PROGRESS", 0.25, "analysis_q"),
        (second.id, "PENDING", None, "analysis_q"),
    ]
    assert obs.tasks.revoke(second.id) == "it will not run"
    assert obs.tasks.revoke(first.id) == "it runs, and was told to end"
    with pytest.raises(TaskRefused, match="it had ended"):
        obs.tasks.revoke(second.id)
    with pytest.raises(TaskRefused, match="no such task"):
        obs.tasks.revoke("nonsense")
    with store.session(read_only=True) as session:
        assert [t.state for t in read_tasks(session)] == ["PROGRESS", "REVOKED"]
    store.close()
