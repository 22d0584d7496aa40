"""``%pyros``: what hands do often, in a word; nothing of it blocks a cell."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pyros_kernel.observatory import Observatory

_OBS = "obs"
_LINES = 15

USAGE = """%pyros status                      the night, the verdict, every device, recipes under way
%pyros slew TARGET                 telescope and dome to a name or coordinates; gives the operation
%pyros expose 30s [VIS|NIR] [r]    one frame; gives the run
%pyros run RECIPE name=value …     start a recipe; gives the run (%pyros run: which there are)
%pyros pause [WHY]                 hold the night, and the recipe that has its telescope
%pyros resume                      go on
%pyros abort [WHY]                 stop all motion, exposures and recipes now
%pyros log [N]                     the last lines of the log"""


class Shell(Protocol):
    """The part of an IPython shell that the magic needs."""

    user_ns: dict[str, Any]

    def register_magic_function(self, func: Callable[[str], Any], magic_kind: str, magic_name: str) -> None:
        """Make a magic of a function."""
        ...

    def set_hook(self, name: str, hook: Callable[..., Any], *, str_key: str) -> None:
        """Have something done by a function of ours."""
        ...


class Magic:
    """The magic of one shell.

    :param shell: whose ``obs`` is commanded
    """

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self.verbs: dict[str, Callable[[list[str]], Any]] = {
            "status": self._status,
            "slew": self._slew,
            "expose": self._expose,
            "run": self._run,
            "pause": self._pause,
            "resume": self._resume,
            "abort": self._abort,
            "log": self._log,
            "help": lambda _words: _Text(USAGE),
        }

    def __call__(self, line: str) -> Any:
        """Do what a line says.

        :raises UsageError: (of IPython, which shows it without a traceback) saying what is wrong
        """
        from IPython.core.error import UsageError

        from instruments import InstrumentError
        from pyros_kernel.devices import Missing
        from pyros_kernel.recipes import BadArgument, RecipeAborted, RecipeInterrupted, Refused, UnknownRecipe

        expected = (InstrumentError, Missing, BadArgument, Refused, UnknownRecipe, RecipeAborted, RecipeInterrupted)
        try:
            words = shlex.split(line) or ["help"]
        except ValueError as error:
            raise UsageError(f"%pyros: {error}: {line}") from None
        verb, rest = words[0].casefold(), words[1:]
        if verb not in self.verbs:
            raise UsageError(f"%pyros knows no {words[0]!r}; it knows {', '.join(self.verbs)}")
        try:
            return self.verbs[verb](rest)
        except expected as error:
            raise UsageError(f"%pyros {verb}: {error}") from None

    def complete(self, _shell: Any, event: Any) -> list[str]:
        """Give what may follow; IPython keeps what fits the word under the cursor."""
        from pyros_kernel.recipes import recipes
        from pyros_kernel.recipes.target import target_names

        words = str(event.line).split()
        done = words[1:] if str(event.line).endswith(" ") else words[1:-1]
        if not done:
            return list(self.verbs)
        obs = self._shell.user_ns.get(_OBS)
        if done == ["slew"]:
            store = obs.store if obs is not None and obs.running else None
            return [name.replace(" ", "") for name in target_names(store)]
        if done[0] == "run":
            known = recipes()
            if len(done) == 1:
                return list(known)
            return [f"{field.name}=" for field in known[done[1]].fields] if done[1] in known else []
        return ["VIS", "NIR"] if done[0] == "expose" and len(done) == 2 else []

    def _obs(self) -> Observatory:
        from pyros_kernel.recipes import Refused

        obs = self._shell.user_ns.get(_OBS)
        if obs is None:
            raise Refused("there is no obs in this notebook: obs = Observatory()")
        if not obs.running:
            raise Refused("the observatory is not started: call obs.start() first")
        return obs

    def _status(self, _words: list[str]) -> _Text:
        from pyros_kernel.recipes import running

        obs = self._obs()
        seen = obs.snapshot()
        night = seen.night
        lines = [f"{seen.site}, {time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(seen.time_s))} UTC, ×{seen.speed:g}"]
        if night is not None:
            lines.append(f"night {night.name}: {night.status}" + (f", {night.reason}" if night.reason else ""))
        lines.append(f"weather: {seen.verdict}")
        for device in seen.devices:
            state = ", ".join(f"{label} {text}" for label, text in device.state.items())
            lines.append(f"  {device.name:<12} {state if device.connected else 'missing: ' + device.error}")
        for run in running(obs.services):
            lines.append(f"recipe {run.name} #{run.id}: {run.state} {run.reason} {run.progress:.0%}")
        return _Text("\n".join(lines))

    def _slew(self, words: list[str]) -> Any:
        from instruments import Motion
        from pyros_kernel.cancellation import Cancellation
        from pyros_kernel.recipes import BadArgument, Refused, find_target, running
        from pyros_kernel.tasks.pointing import start_slew, turn_dome

        if not words:
            raise BadArgument("where to? %pyros slew M31")
        obs = self._obs()
        target = find_target(" ".join(words), obs.store)
        night = obs.snapshot().night
        if night is not None and night.status in ("observing", "opening", "closing"):
            raise Refused(f"the night is {night.status}: %pyros pause first")
        if busy := [run.name for run in running(obs.services)]:
            raise Refused(f"recipe {busy[0]} has the telescope: abort it first")
        services = obs.services
        if services.devices.telescope.state().motion.value is Motion.PARKED:
            services.devices.telescope.unpark()
        operation = start_slew(target.coord, services, Cancellation())
        turn_dome(target.coord, services)
        return operation

    def _expose(self, words: list[str]) -> Any:
        from pyros_kernel.recipes import expose

        names = ("exposure", "channel", "filter")
        return expose.launch(self._obs(), dict(zip(names, words, strict=False)))

    def _run(self, words: list[str]) -> Any:
        from pyros_kernel.recipes import find, recipes

        if not words:
            return _Text("\n".join(f"{name:<14} {recipe.summary}" for name, recipe in recipes().items()))
        recipe = find(words[0])
        if words[1:] in (["?"], ["help"], ["--help"]):
            return _Text("\n".join([recipe.summary, *(_line(field) for field in recipe.form())]))
        return recipe.launch(self._obs(), _arguments(words[1:]))

    def _pause(self, words: list[str]) -> None:
        self._obs().pause(" ".join(words) or "by hand")

    def _resume(self, _words: list[str]) -> None:
        self._obs().resume()

    def _abort(self, words: list[str]) -> None:
        from pyros_kernel.recipes import running

        obs, why = self._obs(), " ".join(words) or "aborted by hand"
        for run in running(obs.services):
            run.abort(why)
        obs.abort(why)

    def _log(self, words: list[str]) -> _Text:
        from pyros_kernel.recipes import BadArgument

        if words and not words[0].isdecimal():
            raise BadArgument(f"how many lines? {words[0]!r} is no number")
        lines = self._obs().snapshot().log[-(int(words[0]) if words else _LINES) :]
        clock = [time.strftime("%H:%M:%S", time.gmtime(line.time_s)) for line in lines]
        return _Text("\n".join(f"{at} {x.level:<7} {x.source}: {x.text}" for at, x in zip(clock, lines, strict=True)))


class _Text:
    """Text that a cell shows as it is."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def register(shell: Shell) -> None:
    """Give a shell the magic, and its completion."""
    magic = Magic(shell)

    def pyros(line: str) -> Any:
        return magic(line)

    pyros.__doc__ = f"Command the observatory.\n\n{USAGE}"
    shell.register_magic_function(pyros, "line", "pyros")
    for word in ("%pyros", "pyros"):
        shell.set_hook("complete_command", magic.complete, str_key=word)


def _arguments(words: list[str]) -> dict[str, str]:
    """Read ``name=value``, ``--name=value`` and ``--name value``."""
    from pyros_kernel.recipes import BadArgument

    found: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        if not equals:
            if not word.startswith("--"):
                raise BadArgument(f"{word!r}: write name=value, as in target=M31 exposure=30s")
            value = next(rest, "")
        found[name.removeprefix("--").replace("-", "_")] = value
    return found


def _line(field: dict[str, Any]) -> str:
    default = "needed" if field["required"] else f"{field['default']}"
    choices = f" ({', '.join(field['choices'])})" if field["choices"] else ""
    unit = f" [{field['unit']}]" if field["unit"] else ""
    return f"  {field['name']:<12} {field['kind']}{unit}{choices}, {default}: {field['help']}"
