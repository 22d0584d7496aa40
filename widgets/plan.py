"""The schedule as a whole: why it was made, what it moved, how good it is, and each programme's share."""

from __future__ import annotations

from pyros_kernel.snapshot import QuotaView, Snapshot
from widgets.words import clock_text, esc, fields, frame, nothing, table


def plan_html(snapshot: Snapshot) -> str:
    """Write about the current schedule, and the quotas of the semester."""
    plan = snapshot.plan
    if plan is None:
        return frame("Plan", nothing("Nothing is scheduled yet."))
    told = {"made": f"{clock_text(plan.made_s, '%H:%M')} UTC, {plan.reason}"}
    if plan.changes:
        told["changed"] = plan.changes
    if plan.value is not None:
        told["value"] = f"{plan.value:,.0f}"
    if plan.gap is not None:
        told["proven"] = f"at most {100 * plan.gap:.1f} % from the best plan"
    rows = "".join(_quota(quota, _planned_s(snapshot, quota.programme)) for quota in snapshot.quotas)
    quotas = table(("Programme", "#Used", "#Tonight", "Quota"), rows, "Quotas of the semester") if rows else ""
    return frame("Plan", fields(told) + quotas)


def _planned_s(snapshot: Snapshot, programme: str) -> float:
    """Add up what is planned for a programme tonight and still to be done."""
    return sum(
        s.end_s - s.start_s
        for s in snapshot.placed
        if s.programme == programme and s.status == "planned" and s.start_s is not None and s.end_s is not None
    )


def _quota(quota: QuotaView, planned_s: float) -> str:
    limit = "no limit"
    if quota.limit_s is not None:
        share = quota.used_s / quota.limit_s if quota.limit_s else 1.0
        limit = f"{quota.limit_s / 3600:.0f} h ({quota.percent:g} %), {100 * share:.1f} % used"
    return (
        f'<tr><th scope="row">{esc(quota.programme)}</th><td class="num">{quota.used_s / 3600:.1f} h</td>'
        f'<td class="num">{planned_s / 3600:.1f} h</td><td>{limit}</td></tr>'
    )
