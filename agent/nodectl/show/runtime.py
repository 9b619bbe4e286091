"""`nodectl runtime`: the ladder as a table, then the socket, the process and the shims."""

from __future__ import annotations

from collections.abc import Iterator

from agent.api.runtime import RUNG_STATE
from agent.api.v1 import kubelet_pb2
from agent.api.v1 import runtime_pb2 as pb
from agent.nodectl.show.oom import aligned
from agent.nodectl.show.words import age, duration, escape, latency, size, wrapped

STEPS = ("RUNG", "STATE", "TOOK", "MAY TAKE", "MEAN", "ANSWERS", "SILENT", "ERRORS")
SHIMS = ("SHIM", "AGE", "STATE", "SANDBOX")
BROKEN = (pb.RUNG_STATE_SILENT, pb.RUNG_STATE_FAILED)
MAX_CREATIONS = 8
MAX_SHIMS = 20
"""Of those with which something is wrong; -o wide has all."""


def broken(runtime: pb.RuntimeReport) -> bool:
    """Whether the runtime does not do its work."""
    stopped = runtime.process.state in ("T", "t")
    return stopped or any(step.state in BROKEN for step in runtime.steps)


def report(runtime: pb.RuntimeReport, now_ns: int, *, wide: bool = False) -> str:
    """The whole answer; names are escaped."""
    lines = [*_head(runtime), ""]
    if runtime.absent_reason:
        return "\n".join([*lines, *wrapped("absent   ", escape(runtime.absent_reason))])
    lines += aligned([_row(step) for step in runtime.steps], STEPS)
    for step in runtime.steps:
        if step.detail:
            lines += wrapped("error    ", f"{_name(step)}: {escape(step.detail)}")
    lines += ["", *_says(runtime), *_socket(runtime), *process_lines(runtime, now_ns)]
    lines += _creations(runtime, wide=wide)
    lines += _shims(runtime, now_ns, wide=wide)
    return "\n".join(lines)


def _head(runtime: pb.RuntimeReport) -> list[str]:
    name = f"{escape(runtime.name)} {escape(runtime.version)}".strip() or "the container runtime"
    failing = next((step for step in runtime.steps if step.state in BROKEN), None)
    if runtime.absent_reason:
        return [f"runtime  none at {escape(runtime.socket)}"]
    if failing is not None:
        waits = duration(failing.took.ToMilliseconds() / 1000)
        silent = failing.state == pb.RUNG_STATE_SILENT
        late = f"has not answered {_name(failing)} for {waits}"
        how = late if silent else f"fails at {_name(failing)}"
        return wrapped("runtime  ", f"UNRESPONSIVE: {name} {how}")
    return wrapped("runtime  ", f"{name} answers")


def _name(step: pb.RuntimeStep) -> str:
    return {"version": "Version", "status": "Status", "list": "ListPodSandbox"}.get(
        step.rung, escape(step.rung)
    )


def _row(step: pb.RuntimeStep) -> tuple[str, ...]:
    asked = step.rung != "socket"
    mean = step.answers_took.ToNanoseconds() // step.answers if step.answers else None
    return (
        _name(step),
        RUNG_STATE.to_model(step.state).value,
        took(step.took.ToNanoseconds()) if step.HasField("took") else "-",
        duration(step.deadline.ToMilliseconds() / 1000) if asked else "-",
        "-" if mean is None else took(mean),
        str(step.answers) if asked else "-",
        str(step.silences) if asked else "-",
        str(step.failures) if asked else "-",
    )


def took(nanoseconds: int) -> str:
    """How long an answer took, or is awaited."""
    return latency(nanoseconds) if nanoseconds < 10**10 else duration(nanoseconds / 1e9)


def _says(runtime: pb.RuntimeReport) -> Iterator[str]:
    for condition in runtime.conditions:
        if not condition.status:
            text = (
                f"its last Status had {escape(condition.type)} false: {escape(condition.message)}"
            )
            yield from wrapped("says     ", text)


def _socket(runtime: pb.RuntimeReport) -> list[str]:
    if not runtime.HasField("queues"):
        why = escape(runtime.queues_absent_reason) or "its queues are not known"
        return wrapped("socket   ", f"{escape(runtime.socket)}: {why}")
    queues = runtime.queues
    unread = "all that they sent is read"
    if queues.unread_bytes:
        unread = f"{queues.unread_connections} of them with {size(queues.unread_bytes)} that it has"
        unread += " not read"
    return wrapped(
        "socket   ",
        f"{escape(runtime.socket)}: {queues.pending} connections wait of {queues.backlog} that may;"
        f" {queues.connections} are accepted, {unread}",
    )


def process_lines(
    runtime: pb.RuntimeReport | kubelet_pb2.KubeletReport, now_ns: int
) -> Iterator[str]:
    """A daemon's process, its blocked threads, and the one before it."""
    if runtime.HasField("process"):
        process = runtime.process
        text = f"{escape(process.comm)}[{process.pid}] {_state(process.state)}; started "
        text += f"{age(process.started, now_ns)} ago, {process.threads} threads, "
        text += f"{size(process.resident_bytes)}"
        if process.unit:
            text += f", {escape(process.unit)}"
        if process.HasField("blkio_delay"):
            waited = duration(process.blkio_delay.ToMilliseconds() / 1000)
            text += f", {waited} waited for block io"
        yield from wrapped("process  ", text)
        for thread in process.blocked:
            where = escape(thread.wchan) or "?"
            text = f"thread {thread.tid} ({escape(thread.comm)}): {thread.state} in {where}"
            yield from wrapped("blocked  ", text)
    else:
        yield from wrapped("process  ", "none is known")
    if runtime.HasField("former"):
        former = runtime.former
        text = f"{escape(former.comm)}[{former.pid}] went {age(former.missed, now_ns)} ago: "
        yield from wrapped("before   ", text + _end(former))


def _state(state: str) -> str:
    return "is STOPPED (T)" if state in ("T", "t") else f"lives (state {escape(state)})"


def _end(former: pb.FormerRuntime) -> str:
    if former.oom_killed:
        return "OOM-killed by the kernel"
    if former.HasField("signal"):
        by = f" from {escape(former.killer)}" if former.killer else ""
        return f"signal {former.signal}{by}"
    if former.HasField("exit_code"):
        return f"exit code {former.exit_code}"
    return "how is not known"


def _creations(runtime: pb.RuntimeReport, *, wide: bool) -> Iterator[str]:
    """What is being made, the oldest first."""
    shown = runtime.creations if wide else runtime.creations[:MAX_CREATIONS]
    for each in shown:
        pod = escape(f"{each.pod.namespace or '?'}/{each.pod.pod or each.pod.pod_uid}")
        text = f"{escape(each.made)} of {pod} for {duration(each.took.ToMilliseconds() / 1000)}"
        if each.plugin:
            text += f", its network by {escape(each.plugin)}[{each.plugin_pid}]"
        yield from wrapped("makes    ", text)
    if len(runtime.creations) > len(shown):
        yield from wrapped("makes    ", f"{len(runtime.creations) - len(shown)} more")


def _shims(runtime: pb.RuntimeReport, now_ns: int, *, wide: bool) -> list[str]:
    if not runtime.shims_known:
        return wrapped("shims    ", "not looked for yet")
    orphans = sum(shim.orphan for shim in runtime.shims)
    stopped = sum(shim.state in ("T", "t") for shim in runtime.shims)
    of = f" for {runtime.sandboxes} sandboxes" if runtime.HasField("sandboxes") else ""
    text = f"{len(runtime.shims)}{of}; {orphans} of no sandbox that the runtime knows"
    lines = wrapped("shims    ", text + (f"; {stopped} stopped" if stopped else ""))
    blocked = [(shim.pid, thread) for shim in runtime.shims for thread in shim.blocked]
    for pid, thread in blocked if wide else blocked[:MAX_SHIMS]:
        where = escape(thread.wchan) or "?"
        told = f"shim {pid}, thread {thread.tid} ({escape(thread.comm)}): {thread.state} in {where}"
        lines += wrapped("blocked  ", told)
    rows = [
        (
            str(shim.pid),
            age(shim.started, now_ns),
            escape(shim.state),
            escape(shim.sandbox_id)[:12] + ("  orphan" if shim.orphan else "")
            if shim.sandbox_id
            else f"? ({escape(shim.unread)})",
        )
        for shim in runtime.shims
        if wide or shim.orphan or shim.unread or shim.blocked or shim.state in ("T", "t", "D")
    ]
    if not rows:
        return lines
    shown = rows if wide else rows[:MAX_SHIMS]
    return [*lines, "", *aligned(shown, SHIMS)]
