"""`nodectl runtime`: the ladder as a table, then the socket, the process and the shims."""

from __future__ import annotations

from collections.abc import Iterator

from agent.api.runtime import CREATION_STEP, RUNG_STATE
from agent.api.v1 import kubelet_pb2
from agent.api.v1 import runtime_pb2 as pb
from agent.nodectl.show.oom import aligned
from agent.nodectl.show.words import age, duration, escape, latency, size, wrapped

STEPS = ("RUNG", "STATE", "TOOK", "MAY TAKE", "MEAN", "ANSWERS", "SILENT", "ERRORS")
SHIMS = ("SHIM", "AGE", "STATE", "SANDBOX", "POD", "THREADS IN D")
CREATIONS = ("MAKING", "STEP", "FOR", "POD", "CONTAINER", "BY")
BROKEN = (pb.RUNG_STATE_SILENT, pb.RUNG_STATE_FAILED)
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
    shims = _shims(runtime, now_ns, wide=wide)
    made = _creations(runtime, now_ns, wide=wide)
    lines += [*shims, *([""] if len(shims) > 2 and made else []), *made]
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


def _shims(runtime: pb.RuntimeReport, now_ns: int, *, wide: bool) -> list[str]:
    if not runtime.shims_known:
        return wrapped("shims    ", "not looked for yet")
    orphans = sum(shim.orphan for shim in runtime.shims)
    stopped = sum(shim.state in ("T", "t") for shim in runtime.shims)
    blocked = sum(bool(shim.blocked) for shim in runtime.shims)
    of = f" for {runtime.sandboxes} sandboxes" if runtime.HasField("sandboxes") else ""
    text = f"{len(runtime.shims)}{of}; {orphans} of no sandbox that the runtime knows"
    text += f"; {stopped} stopped" if stopped else ""
    if not runtime.blocked_known:
        text += "; which are blocked is not known"
    elif blocked:
        text += f"; {blocked} blocked"
    lines = wrapped("shims    ", text)
    rows = [
        (
            str(shim.pid),
            age(shim.started, now_ns),
            escape(shim.state),
            escape(shim.sandbox_id)[:12] + ("  orphan" if shim.orphan else "")
            if shim.sandbox_id
            else f"? ({escape(shim.unread)})",
            _pod(shim.pod_namespace, shim.pod, shim.pod_uid),
            _blocked(shim, now_ns),
        )
        for shim in runtime.shims
        if wide or shim.orphan or shim.unread or shim.blocked or shim.state in ("T", "t", "D")
    ]
    if not rows:
        return lines
    shown = rows if wide else rows[:MAX_SHIMS]
    return [*lines, "", *aligned(shown, SHIMS)]


def _pod(namespace: str, pod: str, uid: str) -> str:
    if pod:
        return f"{escape(namespace) or '?'}/{escape(pod)}"
    return escape(uid) or "-"


def _blocked(shim: pb.Shim, now_ns: int) -> str:
    """ "3 for 41s in io_schedule": so many threads, and the one that has waited longest."""
    if not shim.blocked:
        return "-"
    first = shim.blocked[0]
    since = f" for {age(first.since, now_ns)}" if first.HasField("since") else ""
    return f"{len(shim.blocked)}{since} in {escape(first.wchan) or '?'}"


def _creations(runtime: pb.RuntimeReport, now_ns: int, *, wide: bool) -> list[str]:
    """What is being made, the oldest first."""
    made = runtime.creations
    if not made:
        return [] if not runtime.shims_known else ["making   nothing"]
    after_ns = runtime.creation_stalled_after.ToNanoseconds()
    begun = [now_ns - each.begun.ToNanoseconds() for each in made]
    stalled = sum(passed >= after_ns for passed in begun)
    sandboxes = sum(each.sandbox for each in made)
    text = f"{_count(sandboxes, 'sandbox')}, {_count(len(made) - sandboxes, 'container')}"
    text += f"; {stalled} for longer than {duration(after_ns / 1e9)}" if stalled else ""
    rows = [
        (
            age(each.begun, now_ns),
            CREATION_STEP.to_model(each.step).value,
            age(each.since, now_ns),
            _pod(each.namespace, each.pod, each.pod_uid or each.id[:12]),
            "(sandbox)" if each.sandbox else escape(each.container) or "-",
            _worker(each),
        )
        for each in made
    ]
    shown = rows if wide else rows[:MAX_SHIMS]
    return [*wrapped("making   ", text), "", *aligned(shown, CREATIONS)]


def _count(number: int, what: str) -> str:
    plural = "es" if what.endswith("x") else "s"
    return f"{number} {what}{'' if number == 1 else plural}"


def _worker(each: pb.Creation) -> str:
    """ "bridge[812] D in flock_lock_inode_wait"."""
    if not each.pid:
        return "-"
    told = f"{escape(each.comm)}[{each.pid}]"
    if each.state:
        told += f" {escape(each.state)}"
    return told + (f" in {escape(each.wchan)}" if each.wchan else "")
