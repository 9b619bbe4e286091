"""Sandboxes and containers that are being made, and since when: from cgroups and from CNI calls.

The kubelet makes a pod's cgroup, then asks the runtime for a sandbox, whose network the CNI makes,
and then, when the image is there, for a container. Nobody else tells how long that has taken. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

from agent.inventory.names import ContainerKind
from agent.inventory.records import ContainerRecord, PodRecord
from agent.model.cni import ADD, CNICall
from agent.model.runtime import Creation, Made

MAX_CREATIONS = 256


def creations(
    pods: Iterable[tuple[PodRecord, Iterable[ContainerRecord]]], calls: Iterable[CNICall]
) -> tuple[Creation, ...]:
    """The oldest first. `pods` are those that are there, each with all that is known in it, its
    dead included; `calls` those of the CNI that run, the oldest first.
    """
    adding: dict[str, CNICall] = {}
    for call in calls:
        if call.command == ADD and call.pod is not None and call.pod.pod_uid:
            adding.setdefault(call.pod.pod_uid, call)
    found = []
    for pod, records in pods:
        creation = _creation(pod, tuple(records), adding.pop(pod.names.pod_uid, None))
        if creation is not None:
            found.append(creation)
    found += [  # of pods without a cgroup
        _sandbox(PodRecord(names=call.pod, first_seen_ns=0), call)
        for call in adding.values()
        if call.pod is not None
    ]
    found.sort(key=lambda each: each.since_boottime_ns)
    return tuple(found[:MAX_CREATIONS])


def _creation(
    pod: PodRecord, records: tuple[ContainerRecord, ...], call: CNICall | None
) -> Creation | None:
    if call is not None:
        return _sandbox(pod, call)
    if not records:
        return Creation(pod=pod.names, made=Made.SANDBOX, since_boottime_ns=pod.first_seen_ns)
    if any(record.kind is not ContainerKind.SANDBOX for record in records):
        return None
    alive = [record.first_seen_ns for record in records if record.alive]
    if not alive:
        return None  # it is being removed, or gets another one
    return Creation(pod=pod.names, made=Made.CONTAINER, since_boottime_ns=min(alive))


def _sandbox(pod: PodRecord, call: CNICall) -> Creation:
    """Since its network is being made: the pod may have had another sandbox before."""
    names = pod.names if pod.names.pod or call.pod is None else call.pod
    return Creation(
        pod=names,
        made=Made.SANDBOX,
        since_boottime_ns=call.started_boottime_ns,
        plugin=call.name,
        plugin_pid=call.pid,
    )
