"""What an incident rests on: who saw it, how its cgroup became known, how sure that is."""

from __future__ import annotations

from agent.api.v1 import oom_pb2
from agent.nodectl.show.words import escape

_WITNESSES = {
    oom_pb2.WITNESS_VMSTAT: "vmstat",
    oom_pb2.WITNESS_MEMORY_EVENTS: "memory.events",
    oom_pb2.WITNESS_KMSG: "kmsg",
    oom_pb2.WITNESS_TRACE: "trace",
    oom_pb2.WITNESS_EXIT: "exit",
}
_ATTRIBUTIONS = {
    oom_pb2.ATTRIBUTION_UNSPECIFIED: "nothing",
    oom_pb2.ATTRIBUTION_PROC: "proc",
    oom_pb2.ATTRIBUTION_KMSG_HEADER: "kmsg header",
    oom_pb2.ATTRIBUTION_KMSG_GROUP: "kmsg group",
    oom_pb2.ATTRIBUTION_COUNTER: "counter",
    oom_pb2.ATTRIBUTION_PROBE: "probe",
    oom_pb2.ATTRIBUTION_RECORDER: "recorder",
    oom_pb2.ATTRIBUTION_SCAN: "scan",
}
_CONFIDENCES = {
    oom_pb2.CONFIDENCE_UNSPECIFIED: "?",
    oom_pb2.CONFIDENCE_LOW: "low",
    oom_pb2.CONFIDENCE_MEDIUM: "medium",
    oom_pb2.CONFIDENCE_HIGH: "high",
}


def witnesses(incident: oom_pb2.OOMIncident) -> list[str]:
    """Names of the sources that saw any of its kills, in the proto's order."""
    seen = {witness for v in incident.victims for witness in v.witnesses}
    return [name for number, name in _WITNESSES.items() if number in seen]


def confidence(incident: oom_pb2.OOMIncident) -> str:
    """ "low", "medium", "high" or "?"."""
    return _CONFIDENCES.get(incident.confidence, "?")


def first_victim(incident: oom_pb2.OOMIncident) -> tuple[str, ...]:
    """cgroup, pid in its namespace, uid, oom_score_adj and kmsg sequence of whom VICTIM names."""
    if not incident.victims:
        return ("?",) * 5
    first = incident.victims[0]
    fields = ("namespace_pid", "uid", "oom_score_adj", "kmsg_sequence")
    told = (str(getattr(first, name)) if first.HasField(name) else "?" for name in fields)
    return escape(first.cgroup) or "?", *told


def known_by(incident: oom_pb2.OOMIncident) -> str:
    """How the victims' cgroups became known."""
    ways = dict.fromkeys(_ATTRIBUTIONS.get(v.attribution, "?") for v in incident.victims)
    return ", ".join(ways) or "nothing"


def evidence(incident: oom_pb2.OOMIncident) -> list[str]:
    """What an incident rests on, in parts for a line."""
    cgroup, _, _, _, kmsg = first_victim(incident)
    return [
        f"cgroup {cgroup}",
        f"limit cgroup {escape(incident.limit_cgroup) or '-'}",
        f"kmsg {kmsg}",
        f"known by {known_by(incident)}",
        f"seen by {', '.join(witnesses(incident)) or 'nobody'}",
        f"sure {confidence(incident)}",
        f"id {escape(incident.id)} revision {incident.revision}",
    ]
