"""ImagePullStalled: a blob of an image gets no further; what network and disk did meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.oom import size
from agent.detect.scene import Scene
from agent.model.catalogue.pulls import IMAGE_PULL_STALLED
from agent.model.condition import NODE, Evidence, Finding
from agent.model.disks import DiskState
from agent.model.heartbeat import Connection
from agent.model.oom import Container
from agent.model.pulls import Cause, Phase, Pull, PullReport

MAX_EVIDENCE = 8
"""Of each kind."""
MAX_PODS = 3


def _detect(scene: Scene) -> Iterator[Finding]:
    report = scene.pulls
    if report is None or not report.stalled:
        return
    worst = report.stalled[0]
    cause = worst.cause or Cause.UNKNOWN
    yield Finding(
        type=IMAGE_PULL_STALLED.name,
        entity=NODE,
        reason=cause.value,
        message=_message(report, worst, cause),
        evidence=tuple(_evidence(report)),
    )


def _message(report: PullReport, pull: Pull, cause: Cause) -> str:
    told = [f"{report.comm}[{report.pid}] {_what(report, pull)}", _why(report, pull, cause)]
    others = len(report.stalled) - 1
    if others:
        told.append(f"{others} more stalled")
    if report.waiting:
        told.append(f"without a container: {_pods(report.waiting)}")
    return "; ".join(told)


def _what(report: PullReport, pull: Pull) -> str:
    """ "has got no byte of layer a38044a1cfef for 42 s (3Mi of 6Mi)"."""
    still = f"{report.seconds(pull.moved_boottime_ns):.0f} s"
    file = pull.file
    match pull.phase:
        case Phase.DOWNLOAD:
            of = f" of {size(file.total_bytes)}" if file.total_bytes is not None else ""
            got = "" if file.bytes is None else f" ({size(file.bytes)}{of})"
            return f"has got no byte of {pull.name} for {still}{got}"
        case Phase.COMMIT:
            got = "" if file.bytes is None else f" {size(file.bytes)}"
            return f"has got all{got} of {pull.name}, and has not written it out for {still}"
        case Phase.UNPACK:
            return f"unpacks {pull.name} and has written nothing of it for {still}"


def _why(report: PullReport, pull: Pull, cause: Cause) -> str:
    made = [each for each in report.connections if not each.dialling]
    match cause:
        case Cause.RUNTIME_STOPPED:
            return "it is stopped"
        case Cause.DISK:
            return _disk(pull)
        case Cause.UNREAD:
            unread = sum(each.unread_bytes for each in made)
            return f"it does not read {size(unread)} that the registry has sent"
        case Cause.DIALLING:
            dialled = next(each.remote for each in report.connections if each.dialling)
            return f"it dials {dialled} and nobody answers"
        case Cause.UNCONNECTED:
            if report.connections_absent:
                return f"its connections are not known: {report.connections_absent}"
            return "it has no connection to a registry and makes none"
        case Cause.UNACKNOWLEDGED:
            lost = max(made, key=lambda each: each.retransmits)
            again = f"{lost.retransmits} retransmits in a row"
            return f"{lost.remote} acknowledges nothing, {again}"
        case Cause.SILENT:
            last = min(made, key=lambda each: each.since_received_seconds)
            return f"{last.remote} has sent nothing for {last.since_received_seconds:.0f} s"
        case Cause.UNKNOWN:
            return "neither the network nor the disk explains it"


def _disk(pull: Pull) -> str:
    meanwhile = pull.meanwhile
    if meanwhile.stuck_seconds > max(meanwhile.slowest_seconds, 1.0):
        seconds = f"{meanwhile.stuck_seconds:.0f} s"
        return f"{meanwhile.stuck_device} ended no request for {seconds} meanwhile"
    if meanwhile.slowest_op is None or not meanwhile.slow:
        device = next(iter(pull.disks), "its disk")
        return f"a thread of it waits in state D, for {device} as it seems"
    op, device = meanwhile.slowest_op.value, meanwhile.slowest_device
    return f"a {op} on {device} took {1000 * meanwhile.slowest_seconds:.0f} ms meanwhile"


def _pods(waiting: tuple[Container, ...]) -> str:
    names = [f"{pod.namespace or '?'}/{pod.pod or pod.pod_uid}" for pod in waiting]
    more = len(names) - MAX_PODS
    return ", ".join(names[:MAX_PODS]) + (f" and {more} more" if more > 0 else "")


def _evidence(report: PullReport) -> Iterator[Evidence]:
    at = f"/proc/{report.pid}/fdinfo"
    for pull in report.stalled[:MAX_EVIDENCE]:
        file = pull.file
        got = "" if file.bytes is None else f", {file.bytes} bytes"
        total = "" if file.total_bytes is None else f" of {file.total_bytes}"
        value = f"{pull.phase.value} {file.digest or file.id}{got}{total}, "
        value += f"no progress for {report.seconds(pull.moved_boottime_ns):.0f} s, "
        value += f"begun {report.seconds(pull.begun_boottime_ns):.0f} s ago"
        yield Evidence(what="blob", value=value, source=at)
    for each in report.connections[:MAX_EVIDENCE]:
        yield Evidence(what="connection", value=_connection(each), source="sock_diag, TCP_INFO")
    if report.connections_absent:
        value = report.connections_absent
        yield Evidence(what="connection", value=value, source="sock_diag, TCP_INFO")
    for state in report.disks[:MAX_EVIDENCE]:
        yield Evidence(what="device", value=_device(state), source="/proc/diskstats")


def _connection(each: Connection) -> str:
    if each.dialling:
        return f"{each.local} to {each.remote}: in SYN-SENT, {each.retransmits} retransmits"
    return (
        f"{each.local} to {each.remote}: last_data_recv {each.since_received_seconds:.1f} s, "
        f"{each.unread_bytes} bytes unread, unacked {each.unacked}, retransmits {each.retransmits}"
    )


def _device(state: DiskState) -> str:
    told = [
        f"{op.value} {1000 * rate.latency_seconds:.1f} ms"
        for op, rate in state.rates.items()
        if rate.latency_seconds is not None
    ]
    told.append(f"{state.in_flight} in flight")
    if state.suspended:
        told.append("suspended")
    return f"{state.disk.name}: {', '.join(told)}"


DETECTOR = Detector(condition=IMAGE_PULL_STALLED, detect=_detect)
