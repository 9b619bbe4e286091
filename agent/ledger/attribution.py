"""From evidence to claims: whose cgroup, which limit, how sure. Each claim names the evidence that
it rests on.
"""

from __future__ import annotations

from msgspec.structs import replace

from agent.ledger.calls import Call, Kill
from agent.model.cgroup import CgroupLevel, CgroupPlace
from agent.model.evidence import TraceSeen
from agent.model.kmsg import OOMKilledProcess, OOMSummary, TraceVictim
from agent.model.oom import (
    Attribution,
    Confidence,
    LimitLevel,
    OOMIncident,
    Truth,
    Victim,
    Witness,
)
from agent.model.probe import VictimProbe
from agent.model.process import ProcessCapture
from agent.parse.cgroup_path import is_of_crun

TRUST = [
    Attribution.PROBE,
    Attribution.PROC,
    Attribution.KMSG_HEADER,
    Attribution.KMSG_GROUP,
    Attribution.RECORDER,
    Attribution.SCAN,
    Attribution.COUNTER,
    Attribution.NONE,
]
"""What tells a victim's cgroup, the most trusted first."""

LIMIT_LEVELS = {
    CgroupLevel.ROOT: LimitLevel.NODE,
    CgroupLevel.KUBEPODS: LimitLevel.KUBEPODS,
    CgroupLevel.QOS: LimitLevel.QOS,
    CgroupLevel.POD: LimitLevel.POD,
    CgroupLevel.CONTAINER: LimitLevel.CONTAINER,
    CgroupLevel.NESTED: LimitLevel.NESTED,
    CgroupLevel.SYSTEM: LimitLevel.SYSTEM,
}


def header_reading(call: Call, capture: ProcessCapture | None) -> OOMSummary | None:
    """Of the header's consistent readings, the one that the victim's own cgroup confirms, else the
    only one.

    Several readings mean that a name in the line imitates its syntax; without a second witness none
    is believed.
    """
    readings = call.header.readings
    if capture is not None and capture.cgroup:
        confirmed = [r for r in readings if r.task_memcg == capture.cgroup]
        if confirmed:
            return confirmed[0]
    return readings[0] if len(readings) == 1 else None


def cgroup_of(call: Call, kill: Kill, reading: OOMSummary | None) -> tuple[str, Attribution]:
    """The victim's cgroup and how it is known; ("", NONE) if nothing tells."""
    capture = kill.seen.capture
    if capture is not None and capture.cgroup:
        return capture.cgroup, Attribution.PROC
    if reading is not None and reading.pid == kill.line.pid:
        return reading.task_memcg, Attribution.KMSG_HEADER
    if call.group_cgroup:
        return call.group_cgroup, Attribution.KMSG_GROUP
    return "", Attribution.NONE


def victim_of_line(line: OOMKilledProcess, sequence: int) -> Victim:
    """What the "Killed process" line itself tells."""
    return Victim(
        pid=line.pid,
        comm=line.comm,
        uid=line.uid,
        oom_score_adj=line.oom_score_adj,
        total_vm_bytes=line.total_vm_bytes,
        anon_rss_bytes=line.anon_rss_bytes,
        file_rss_bytes=line.file_rss_bytes,
        shmem_rss_bytes=line.shmem_rss_bytes,
        page_tables_bytes=line.page_tables_bytes,
        witnesses=(Witness.KMSG,),
        kmsg_sequence=sequence,
    )


def victim_of_trace(traced: TraceVictim) -> Victim:
    """What the tracepoint itself tells."""
    return Victim(
        pid=traced.pid,
        comm=traced.comm,
        uid=traced.uid,
        oom_score_adj=traced.oom_score_adj,
        total_vm_bytes=traced.total_vm_bytes,
        anon_rss_bytes=traced.anon_rss_bytes,
        file_rss_bytes=traced.file_rss_bytes,
        shmem_rss_bytes=traced.shmem_rss_bytes,
        page_tables_bytes=traced.page_tables_bytes,
        witnesses=(Witness.TRACE,),
    )


def placed(victim: Victim, cgroup: str, attribution: Attribution) -> Victim:
    """The victim with this cgroup, if this evidence is trusted more than what told of it before."""
    if not cgroup or TRUST.index(attribution) >= TRUST.index(victim.attribution):
        return victim
    return replace(victim, cgroup=cgroup, attribution=attribution)


def with_probe(victim: Victim, probe: VictimProbe | None) -> Victim:
    """Add what the kernel's OOM killer itself had in its hands."""
    if probe is None:
        return victim
    victim = placed(victim, probe.cgroup, Attribution.PROBE)
    return replace(victim, start_boottime_ns=probe.start_boottime_ns)


def with_trace(victim: Victim, seen: TraceSeen) -> Victim:
    """Add all that came with the tracepoint: the capture, the probe, and the witness itself."""
    victim = with_probe(with_capture(victim, seen.capture), seen.probe)
    return witnessed(victim, Witness.TRACE)


def with_capture(victim: Victim, capture: ProcessCapture | None) -> Victim:
    """Add what /proc told of the victim while it was there."""
    if capture is None:
        return victim
    victim = placed(victim, capture.cgroup, Attribution.PROC)
    init = Truth.YES if capture.container_init else victim.container_init
    return replace(
        victim,
        container_init=init,
        comm=victim.comm or capture.comm,
        start_boottime_ns=capture.start_boottime_ns,
        namespace_pid=(
            victim.namespace_pid if capture.namespace_pid is None else capture.namespace_pid
        ),
    )


def witnessed(victim: Victim, witness: Witness) -> Victim:
    """Add a witness, once."""
    if witness in victim.witnesses:
        return victim
    return replace(victim, witnesses=(*victim.witnesses, witness))


def limit_level(place: CgroupPlace) -> LimitLevel:
    """Whose limit it is.

    A cgroup that somebody made in a pod, beside its containers, is nested; the one that crun makes
    in a container's scope is not.
    """
    if place.level is CgroupLevel.POD and place.path != place.pod_path:
        return LimitLevel.NESTED
    if is_of_crun(place):
        return LimitLevel.CONTAINER
    return LIMIT_LEVELS[place.level]


def limit_of(
    place: CgroupPlace | None,
    line: OOMKilledProcess | None,
    reading: OOMSummary | None,
) -> tuple[LimitLevel, str]:
    """Which limit fired and its cgroup, as the header tells; (UNKNOWN, "") without one.

    "Out of memory:" without "Memory cgroup" is the node even when the header is lost: that line has
    no rate limit.
    """
    if reading is not None and not reading.global_oom:
        assert place is not None
        return limit_level(place), reading.oom_memcg
    if line is not None and line.memory_cgroup is False:
        return LimitLevel.NODE, ""
    return LimitLevel.UNKNOWN, ""


def confidence_of(incident: OOMIncident) -> Confidence:
    """LOW without a cgroup; HIGH when two witnesses beside the node's counter agree; else
    MEDIUM.
    """
    if incident.unattributed or not incident.victims:
        return Confidence.LOW
    sure = Confidence.HIGH
    for victim in incident.victims:
        if not victim.cgroup:
            return Confidence.LOW
        independent = set(victim.witnesses) - {Witness.VMSTAT}
        proof = len(independent) + (victim.attribution in (Attribution.PROBE, Attribution.PROC))
        if proof < 2:
            sure = Confidence.MEDIUM
    return sure
