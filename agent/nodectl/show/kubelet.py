"""`nodectl kubelet`: what is wrong, then healthz, the process and the configuration."""

from __future__ import annotations

from collections.abc import Iterator

from agent.api.v1 import kubelet_pb2 as pb
from agent.api.v1.runtime_pb2 import RUNG_STATE_FAILED, RUNG_STATE_OK, RUNG_STATE_SILENT
from agent.nodectl.show.runtime import process_lines, took
from agent.nodectl.show.words import duration, escape, wrapped


def report(kubelet: pb.KubeletReport, now_ns: int) -> str:
    """The whole answer; names are escaped."""
    if kubelet.absent_reason:
        return "\n".join(wrapped("kubelet  ", f"none: {escape(kubelet.absent_reason)}"))
    lines = [*wrapped("kubelet  ", _head(kubelet)), ""]
    lines += [*_healthz(kubelet), *process_lines(kubelet, now_ns), *_cpu(kubelet)]
    if kubelet.restarts:
        lines += wrapped("restarts ", f"{kubelet.restarts} while the agent ran")
    config = escape(kubelet.config) or "no file of it is known"
    lines += wrapped("config   ", config)
    for problem in kubelet.problems:
        lines += wrapped("problem  ", escape(problem))
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


def _cpu(kubelet: pb.KubeletReport) -> Iterator[str]:
    parts = []
    if kubelet.HasField("throttled_ratio"):
        parts.append(f"throttled in {100 * kubelet.throttled_ratio:.0f} % of its periods")
    if kubelet.HasField("cpu_waiting_ratio"):
        parts.append(f"waited for a CPU {100 * kubelet.cpu_waiting_ratio:.0f} % of the time")
    if parts:
        yield from wrapped("cpu      ", ", ".join(parts))
