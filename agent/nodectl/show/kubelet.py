"""`nodectl kubelet`: what is wrong, then healthz, the process and the configuration."""

from __future__ import annotations

from collections.abc import Iterator

from agent.api.v1 import kubelet_pb2 as pb
from agent.api.v1.runtime_pb2 import RUNG_STATE_FAILED, RUNG_STATE_OK, RUNG_STATE_SILENT
from agent.nodectl.show.runtime import process_lines, took
from agent.nodectl.show.words import age, duration, escape, wrapped

_STATUS = {
    pb.NODE_CONDITION_STATUS_TRUE: "True",
    pb.NODE_CONDITION_STATUS_FALSE: "False",
    pb.NODE_CONDITION_STATUS_UNKNOWN: "Unknown",
}


def report(kubelet: pb.KubeletReport, now_ns: int) -> str:
    """The whole answer; names are escaped."""
    if kubelet.absent_reason:
        none = wrapped("kubelet  ", f"none: {escape(kubelet.absent_reason)}")
        return "\n".join([*none, *_belief(kubelet, now_ns)])
    lines = [*wrapped("kubelet  ", _head(kubelet)), ""]
    lines += [*_healthz(kubelet), *process_lines(kubelet, now_ns), *_cpu(kubelet)]
    if kubelet.restarts:
        lines += wrapped("restarts ", f"{kubelet.restarts} while the agent ran")
    config = escape(kubelet.config) or "no file of it is known"
    lines += wrapped("config   ", config)
    for problem in kubelet.problems:
        lines += wrapped("problem  ", escape(problem))
    lines += _belief(kubelet, now_ns)
    return "\n".join(lines)


def _head(kubelet: pb.KubeletReport) -> str:
    name = f"kubelet {escape(kubelet.version)}".strip()
    if not kubelet.failing:
        if kubelet.HasField("process"):
            return f"{name} answers" if kubelet.HasField("healthz") else f"{name} runs"
        return f"{name} answers; its process has another name"
    if not kubelet.HasField("process"):
        return f"DOWN: {name} is gone"
    if kubelet.process.state in ("T", "t"):
        return f"DOWN: {name} is stopped"
    hangs = kubelet.healthz.state == RUNG_STATE_SILENT
    return f"DOWN: {name} runs, and its healthz {'hangs' if hangs else 'fails'}"


def _healthz(kubelet: pb.KubeletReport) -> list[str]:
    if kubelet.healthz_off_reason:
        return wrapped("healthz  ", f"not asked: {escape(kubelet.healthz_off_reason)}")
    if not kubelet.HasField("healthz"):
        return wrapped("healthz  ", "not asked yet")
    healthz = kubelet.healthz
    ago = took(healthz.took.ToNanoseconds()) if healthz.HasField("took") else "?"
    match healthz.state:
        case state if state == RUNG_STATE_OK:
            text = f"ok in {ago}"
        case state if state == RUNG_STATE_SILENT:
            may = duration(healthz.deadline.ToMilliseconds() / 1000)
            text = f"SILENT for {ago}, may take {may}"
        case state if state == RUNG_STATE_FAILED:
            status = f"{healthz.status} " if healthz.HasField("status") else ""
            text = f"FAILED: {status}{escape(healthz.detail)}"
        case _:
            text = "not asked yet"
    counts = f"{healthz.answers} answers, {healthz.silences} silent, {healthz.failures} failed"
    if healthz.answers:
        mean = healthz.answers_took.ToNanoseconds() // healthz.answers
        counts += f"; {took(mean)} on average"
    return wrapped("healthz  ", f"{escape(healthz.address)}: {text} ({counts})")


def _belief(kubelet: pb.KubeletReport, now_ns: int) -> Iterator[str]:
    """What the API server believes of the node, each condition in a line."""
    if kubelet.belief_unknown_reason:
        yield ""
        words = f"not known; {escape(kubelet.belief_unknown_reason)}"
        yield from wrapped("the API server believes: ", words)
        return
    if not kubelet.HasField("belief"):
        return
    belief = kubelet.belief
    asked = f"asked at {escape(belief.address)} {age(belief.at, now_ns)} ago"
    yield ""
    yield from wrapped("the API server believes ", f"of {escape(belief.node)}, {asked}:")
    width = max(map(len, ("lease", *(each.type for each in belief.conditions))))
    for each in belief.conditions:
        words = _STATUS.get(each.status, "?")
        why = ": ".join(escape(word) for word in (each.reason, each.message) if word)
        if each.HasField("last_transition"):
            words += f" for {age(each.last_transition, now_ns)}"
        if each.HasField("last_heartbeat"):
            words += f", told {age(each.last_heartbeat, now_ns)} ago"
        yield from wrapped(f"  {each.type:{width}}  ", f"{words}; {why}" if why else words)
    if belief.HasField("lease_renewed"):
        yield from wrapped(
            f"  {'lease':{width}}  ", f"renewed {age(belief.lease_renewed, now_ns)} ago"
        )
    elif belief.lease_problem:
        yield from wrapped(f"  {'lease':{width}}  ", f"not known: {escape(belief.lease_problem)}")


def _cpu(kubelet: pb.KubeletReport) -> Iterator[str]:
    parts = []
    if kubelet.HasField("throttled_ratio"):
        parts.append(f"throttled in {100 * kubelet.throttled_ratio:.0f} % of its periods")
    if kubelet.HasField("cpu_waiting_ratio"):
        parts.append(f"waited for a CPU {100 * kubelet.cpu_waiting_ratio:.0f} % of the time")
    if parts:
        yield from wrapped("cpu      ", ", ".join(parts))
