"""``%pyros`` in a real IPython shell, commanding a real observatory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from instruments import Operation
from pyros_kernel import Observatory, magics
from pyros_kernel.recipes import RecipeAborted, RecipeRun, end_all
from tests.waiting import until


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observatory]:
    observatory = Observatory(tmp_path_factory.mktemp("magics"), start="2022-09-30T08:00:00", speed=200)
    with observatory as obs:
        obs.resume()  # opens the link to the Majordome, which stays open
        yield obs
        end_all(obs.services, "the tests end")
    observatory.check()


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    made = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    magics.register(made)
    yield made


def ask(shell: InteractiveShell, line: str) -> object:
    return shell.run_line_magic("pyros", line)


def test_without_an_observatory_it_says_what_to_do(shell: InteractiveShell, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no obs"):
        ask(shell, "status")
    shell.user_ns["obs"] = Observatory(tmp_path / "data")
    with pytest.raises(UsageError, match=r"not started: call obs\.start\(\)"):
        ask(shell, "status")


def test_errors_are_sentences_without_a_traceback(
    shell: InteractiveShell, started: Observatory, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.user_ns["obs"] = started
    for line, says in {
        "%pyros dance": "knows no 'dance'; it knows status, slew",
        "%pyros slew Nowhere": "no target 'Nowhere'",
        "%pyros slew": "where to?",
        "%pyros run observe M31": "write name=value",
        "%pyros run observe exposure=30s": "recipe observe needs target",
        "%pyros run obsrve": "no recipe 'obsrve'",
        "%pyros log many": "'many' is no number",
        "%pyros expose 30": "has no unit",
        "%pyros 'open": "No closing quotation",
    }.items():
        shell.run_cell(line)
        told = capsys.readouterr()
        assert says in told.out + told.err, line
        assert "Traceback" not in told.out + told.err, line


def test_what_it_shows(shell: InteractiveShell, started: Observatory) -> None:
    shell.user_ns["obs"] = started
    seen = repr(ask(shell, "status"))
    assert re.search(r"night 2022-09-29: closed", seen) and "telescope" in seen and "weather: safe" in seen
    assert "started" in repr(ask(shell, "log 50"))
    assert "%pyros slew TARGET" in repr(ask(shell, "")) and "take_flats" in repr(ask(shell, "run"))
    assert "exposure" in repr(ask(shell, "run observe ?"))
    assert "%pyros abort" in (shell.magics_manager.magics["line"]["pyros"].__doc__ or "")


def test_a_slew_and_an_exposure_give_their_handles_at_once(shell: InteractiveShell, started: Observatory) -> None:
    shell.user_ns["obs"] = started
    slew = ask(shell, "slew 00:42:44 +41:16:09")
    assert isinstance(slew, Operation)
    assert slew.wait(10).position.value.icrs.ra.deg == pytest.approx(10.684, abs=0.01)
    frame = ask(shell, "expose 5s NIR H")
    assert isinstance(frame, RecipeRun)
    assert "camera-nir_H" in frame.wait(10)["path"]


def test_recipes_pause_resume_and_abort(shell: InteractiveShell, tmp_path: Path) -> None:
    with Observatory(tmp_path / "data", start="2022-09-30T08:00:00", speed=200) as obs:
        shell.user_ns["obs"] = obs
        recipes_by_hand(shell, obs)
    obs.check()


def recipes_by_hand(shell: InteractiveShell, started: Observatory) -> None:
    run = ask(shell, 'run time_series target="M 31" --exposure 600s --count=2')
    assert isinstance(run, RecipeRun)
    with pytest.raises(Exception, match=r"obs\.observe\(\) first"):
        run.wait(10)
    started.observe()
    until(lambda: "observing" in repr(ask(shell, "status")), "observing")
    with pytest.raises(UsageError, match="the night is observing: %pyros pause first"):
        ask(shell, "slew M31")
    run = ask(shell, 'run time_series target="M 31" --exposure 600s --count=2')
    assert isinstance(run, RecipeRun)
    until(lambda: any(s.name.endswith("frame 1") for s in run.steps), "the first frame")
    assert f"recipe time_series #{run.id}" in repr(ask(shell, "status"))
    ask(shell, "pause a look outside")
    until(lambda: "a look outside" in run.reason, "held")
    ask(shell, "resume")
    until(lambda: run.state == "running", "going on")
    ask(shell, "abort a bird in the dome")
    with pytest.raises(RecipeAborted, match="a bird in the dome"):
        run.wait(10)


def test_completion(shell: InteractiveShell, started: Observatory) -> None:
    shell.user_ns["obs"] = started

    def offered(text: str) -> set[str]:
        with provisionalcompleter():
            return {found.text for found in shell.Completer.completions(text, len(text))}

    assert {"status", "slew"} <= offered("%pyros s")
    assert "M31" in offered("%pyros slew M")
    assert "take_darks" in offered("%pyros run take_")
    assert "exposure=" in offered("%pyros run observe ex")
