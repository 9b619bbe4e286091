"""CNIStalled: no pod gets a network although it is tried, or a call of the CNI hangs."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.detect.tasks import seconds
from agent.model.catalogue.cni import CNI_STALLED
from agent.model.cni import CallState, CNICall, CNIReport, LockHolder, NetworkState, result
from agent.model.condition import NODE, Evidence, Finding, Severity

MAX_CALLS = 8
"""Calls in the evidence, the oldest first."""


def _detect(scene: Scene) -> Iterator[Finding]:
    report = scene.cni
    if report is None:
        return
    hung = [call for call in report.running() if report.state(call) is CallState.STALLED]
    wedged = report.health.state is NetworkState.WEDGED
    if not wedged and not hung:
        return
    yield Finding(
        type=CNI_STALLED.name,
        entity=NODE,
        reason=("Wedged" if hung else "NoSuccess") if wedged else "CallStalled",
        message=_message(report, hung, wedged=wedged),
        evidence=tuple(_evidence(report, hung)),
        severity=None if wedged else Severity.WARNING,
    )


def _message(report: CNIReport, hung: list[CNICall], *, wedged: bool) -> str:
    now = report.boottime_ns
    told = []
    if wedged:
        told.append(f"no pod has got a network for {seconds(report.health.since_boottime_ns, now)}")
    if hung:
        most = _most_telling(hung)
        top = [call for call in hung if call.delegated_by is None] or hung
        others = f"{len(top)} calls hang, " if len(top) > 1 else ""
        told.append(f"{others}{_words(most, now)}")
    elif report.health.failed:
        last = next((c for c in report.calls if result(c) is CallState.FAILED), None)
        by = "" if last is None else f", the last failure of {last.name}{_end(last)}"
        told.append(f"{report.health.failed} pods in a row have got none{by}")
    return "; ".join(told)


def _most_telling(hung: list[CNICall]) -> CNICall:
    """The oldest that waits for a lock, else the oldest that waits for no delegate of its own."""
    for call in hung:
        if call.wait is not None and call.wait.lock is not None:
            return call
    parents = {call.delegated_by for call in hung}
    return next((call for call in hung if call.pid not in parents), hung[0])


def _words(call: CNICall, now_ns: int) -> str:
    """ "host-local[512] (ADD for default/web-0) has run for 40 s: state S in locks_lock"."""
    who = f"{call.name}[{call.pid}] ({call.command or 'unknown command'}{_for(call)})"
    words = f"{who} has run for {call.seconds(now_ns):.0f} s"
    wait = call.wait
    if wait is None or not wait.state:
        return words
    words += f": state {wait.state}" + (f" in {wait.wchan}" if wait.wchan else "")
    if wait.lock is not None:
        holders = ", ".join(map(_holder, wait.lock.holders)) or "nobody that is told"
        words += f", waiting for the lock of {wait.lock.file}, held by {holders}"
    return words


def _for(call: CNICall) -> str:
    if call.pod is not None and call.pod.pod:
        return f" for {call.pod.namespace or '?'}/{call.pod.pod}"
    return f" for {call.container_id[:12]}" if call.container_id else ""


def _holder(holder: LockHolder) -> str:
    at = f" in {holder.wchan}" if holder.wchan else ""
    state = f" (state {holder.state}{at})" if holder.state else ""
    return f"{holder.comm or '?'}[{holder.pid}]{state}"


def _end(call: CNICall) -> str:
    if call.signal is not None:
        return f" by signal {call.signal}"
    return f" with code {call.exit_code}"


def _evidence(report: CNIReport, hung: list[CNICall]) -> Iterator[Evidence]:
    now = report.boottime_ns
    for call in hung[:MAX_CALLS]:
        yield Evidence(what="call", value=_words(call, now), source=f"/proc/{call.pid}")
    if len(hung) > MAX_CALLS:
        yield Evidence(
            what="calls", value=f"{len(hung) - MAX_CALLS} more hang", source="sched_process_exec"
        )
    health = report.health
    if health.failed:
        value = f"{health.failed} since the last success"
        yield Evidence(what="failed attempts", value=value, source="process connector")
    success = health.succeeded_boottime_ns
    value = "none since the agent started" if success is None else f"{seconds(success, now)} ago"
    yield Evidence(what="last success", value=value, source="process connector")


DETECTOR = Detector(condition=CNI_STALLED, detect=_detect)
