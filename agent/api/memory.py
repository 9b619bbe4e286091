"""The encoder of agent.model.memory to memory.proto. Nobody reads a report back into the model."""

from __future__ import annotations

from agent.api.v1 import memory_pb2 as pb
from agent.api.wire import coding, duration, text, timestamp
from agent.model.memory import (
    Eater,
    FormChoice,
    Headroom,
    KubeletFacts,
    MemoryForm,
    MemoryReport,
    RootMemory,
)


def memory_to_wire(report: MemoryReport, eaters: int) -> pb.MemoryReport:
    """The whole report, with at most so many eaters."""
    with coding("the memory report"):
        return pb.MemoryReport(
            at=timestamp(report.wall_ns),
            node=None if report.root is None else _node(report.root, report.choice),
            kubelet=_kubelet(report.kubelet),
            headrooms=[_headroom(headroom) for headroom in report.headrooms],
            eaters=[_eater(eater) for eater in report.eaters[:eaters]],
        )


def _node(root: RootMemory, choice: FormChoice | None) -> pb.NodeMemory:
    return pb.NodeMemory(
        total=root.total,
        free=root.free,
        inactive_file=root.inactive_file,
        forms=[
            pb.MemoryForm(
                form=form.value,
                usage=usage,
                working_set=root.working_set(form),
                available=root.available(form),
            )
            for form in MemoryForm
            if (usage := root.usage_of(form)) is not None
        ],
        form="" if choice is None else choice.form.value,
        reason="" if choice is None else text(choice.reason),
        assumed=choice is not None and choice.assumed,
    )


def _kubelet(facts: KubeletFacts) -> pb.Kubelet:
    return pb.Kubelet(
        pid=facts.pid,
        config=text(facts.config),
        root_directory=text(facts.root_directory),
        version=text(facts.version),
        library=text(facts.library),
        problems=[text(problem) for problem in facts.problems],
    )


def _headroom(headroom: Headroom) -> pb.Headroom:
    threshold, trend, room = headroom.threshold, headroom.trend, headroom.room
    since = headroom.crossed_since_wall_ns
    return pb.Headroom(
        signal=headroom.signal.value,
        bytes=headroom.signal.counts_bytes,
        available=None if room is None else room.available,
        capacity=None if room is None else room.capacity,
        absent_reason=text(headroom.absent),
        path=text(headroom.where),
        threshold=None
        if threshold is None
        else pb.Threshold(
            hard=threshold.hard,
            text=text(threshold.text),
            amount=headroom.amount,
            grace=None if threshold.grace_seconds is None else duration(threshold.grace_seconds),
            source=text(threshold.source),
        ),
        headroom=headroom.left,
        trend=None
        if trend is None
        else pb.Trend(
            per_second=trend.per_second, fit=trend.fit, window=duration(trend.window_seconds)
        ),
        time_left=None if headroom.seconds_left is None else duration(headroom.seconds_left),
        crossed_since=None if since is None else timestamp(since),
    )


def _eater(eater: Eater) -> pb.Eater:
    names = eater.container
    return pb.Eater(
        namespace="" if names is None else text(names.namespace),
        pod="" if names is None else text(names.pod),
        pod_uid="" if names is None else text(names.pod_uid),
        container="" if names is None else text(names.name),
        container_id="" if names is None else text(names.id),
        unit=text(eater.unit) if names is None else "",
        working_set=eater.working_set,
        grown_1m=eater.grown_1m,
        grown_5m=eater.grown_5m,
    )
