"""The agents: what each does, heard last, and has been through."""

from __future__ import annotations

from pyros_kernel.snapshot import AgentView, Snapshot
from widgets.tones import agent_tone
from widgets.words import age_text, esc, frame, nothing, pill, table


def agents_html(snapshot: Snapshot) -> str:
    """Write the table of agents."""
    if not snapshot.agents:
        return frame("Agents", nothing("No agent runs."))
    well = sum(agent_tone(a) in ("ok", "busy") for a in snapshot.agents)
    rows = (_row(a, snapshot.time_s) for a in snapshot.agents)
    heads = ("Agent", "State", "Up", "Last message", "#Queue", "#Errors", "#Restarts")
    return frame(
        "Agents",
        f'<div class="scroll">{table(heads, rows, "Agents")}</div>',
        f"{well} of {len(snapshot.agents)} well",
    )


def _row(agent: AgentView, now_s: float) -> str:
    up = "–" if agent.uptime_s is None else age_text(agent.uptime_s)
    ago = "" if agent.last_message_s is None else f"<small>{age_text(now_s - agent.last_message_s)} ago</small>"
    return (
        f'<tr><th scope="row">{esc(agent.name)}</th><td>{pill(agent_tone(agent), agent.state)}</td>'
        f"<td>{up}</td><td>{esc(agent.last_message or '–')} {ago}</td>{_count(agent.queue_depth)}"
        f"{_count(agent.errors, 'bad')}{_count(agent.restarts, 'warn')}</tr>"
    )


def _count(number: int, tone: str = "") -> str:
    return f'<td class="num {tone if number else "zero"}">{number}</td>'
