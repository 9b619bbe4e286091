"""`nodectl ps` and `nodectl pods`: a line for each, figures first, for names are long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agent.api.v1 import containers_pb2 as pb
from agent.api.v1 import node_agent_pb2 as wire
from agent.nodectl.show.words import age, duration, escape, size

FIGURES = ("MEMORY", "LIMIT", "LEFT", "CPU", "OF", "THROTTLED")
WHO = ("NAMESPACE", "POD", "CONTAINER")
DETAILS = ("AGE", "PIDS", "ANON", "FILE", "KERNEL", "SWAP", "PEAK", "HITS", "READ", "WRITTEN")
STALLS = ("WAITED CPU", "MEMORY", "IO")

_STATES = {
    pb.CGROUP_STATE_UNKNOWN: "unknown",
    pb.CGROUP_STATE_RUNNING: "running",
    pb.CGROUP_STATE_EMPTY: "empty",
    pb.CGROUP_STATE_FROZEN: "frozen",
}
_NEVER = float("inf")


def sort(found: Any, by: str) -> None:
    """Put containers or pods in order, in place; those of which it is not known go last."""
    keys: dict[str, Callable[[pb.Usage], float]] = {
        "memory": lambda usage: -float(usage.memory.working_set),
        "cpu": lambda usage: -usage.cpu.cores,
        "throttled": lambda usage: -usage.cpu.throttled_ratio,
        "left": lambda usage: (
            usage.memory.time_to_limit.ToMilliseconds()
            if usage.memory.HasField("time_to_limit")
            else _NEVER
        ),
    }
    key = keys.get(by)
    if key is not None:
        found.sort(key=lambda each: key(each.usage))


def containers(answer: wire.ListContainersResponse, now_ns: int, *, wide: bool) -> str:
    """The table, and what is missing from it."""
    if not answer.containers:
        return "\n".join(["No containers.", *_missing(answer)])
    more = (*DETAILS, *STALLS, "STATE", "PID") if wide else ()
    header = (*FIGURES, *more, *WHO)
    rows = []
    for each in answer.containers:
        row = _figures(each.usage)
        if wide:
            pid = str(each.init_pid) if each.HasField("init_pid") else "-"
            row += (*_details(each, now_ns), *_stalls(each.usage), _STATES[each.state], pid)
        rows.append(row + _who(each, wide=wide))
    return "\n".join([*_table(rows, header), *_missing(answer)])


def pods(answer: wire.ListPodsResponse, now_ns: int, *, wide: bool) -> str:
    """The table, and what is missing from it."""
    if not answer.pods:
        return "\n".join(["No pods.", *_missing(answer)])
    more = (*DETAILS, *STALLS, "RUNNING", "QOS", "UID") if wide else ("RUNNING", "AGE")
    header = (*(FIGURES if wide else FIGURES[:-1]), *more, *WHO[:2])
    rows = []
    for pod in answer.pods:
        running = f"{pod.running}/{pod.containers}"
        who = (escape(pod.namespace) or "?", escape(pod.pod) or _cut(pod.pod_uid, wide=wide))
        details: tuple[str, ...] = (running, _age(pod, now_ns))
        if wide:
            kubernetes = (running, escape(pod.qos) or "-", escape(pod.pod_uid))
            details = (*_details(pod, now_ns), *_stalls(pod.usage), *kubernetes)
        figures = _figures(pod.usage)
        rows.append((figures if wide else figures[:-1]) + details + who)
    return "\n".join([*_table(rows, header), *_missing(answer)])


def _figures(usage: pb.Usage) -> tuple[str, ...]:
    memory, cpu = usage.memory, usage.cpu
    return (
        size(memory.working_set) if usage.HasField("memory") else "?",
        size(memory.limit) if memory.HasField("limit") else "-",
        duration(memory.time_to_limit.ToMilliseconds() / 1000)
        if memory.HasField("time_to_limit")
        else "-",
        cores(cpu.cores) if cpu.HasField("cores") else "?",
        cores(cpu.limit_cores) if cpu.HasField("limit_cores") else "-",
        f"{cpu.throttled_ratio:.0%}" if cpu.HasField("throttled_ratio") else "-",
    )


def _details(each: pb.ContainerUsage | pb.PodUsage, now_ns: int) -> tuple[str, ...]:
    usage, memory = each.usage, each.usage.memory
    known = usage.HasField("memory")
    return (
        _age(each, now_ns),
        str(usage.pids) if usage.HasField("pids") else "-",
        size(memory.anon) if known else "-",
        size(memory.file) if known else "-",
        size(memory.kernel) if memory.HasField("kernel") else "-",
        size(memory.swap) if memory.HasField("swap") else "-",
        size(memory.peak) if memory.HasField("peak") else "-",
        f"{memory.limit_hits:,}" if memory.HasField("limit_hits") else "-",
        _per_second(usage.io, "read_bytes_per_second"),
        _per_second(usage.io, "written_bytes_per_second"),
    )


def _stalls(usage: pb.Usage) -> tuple[str, ...]:
    stalls = (usage.cpu_pressure, usage.memory_pressure, usage.io_pressure)
    return tuple(f"{s.waiting_ratio:.0%}" if s.HasField("waiting_ratio") else "-" for s in stalls)


def _who(each: pb.ContainerUsage, *, wide: bool) -> tuple[str, ...]:
    if each.kind == pb.CONTAINER_KIND_SERVICE:
        return "-", escape(each.unit or each.cgroup), "-"
    return (
        escape(each.namespace) or "?",
        escape(each.pod) or _cut(each.pod_uid, wide=wide),
        escape(each.container or each.container_id[:12]) or "?",
    )


def _cut(uid: str, *, wide: bool) -> str:
    return escape(uid if wide else uid[:8]) or "?"


def _age(each: pb.ContainerUsage | pb.PodUsage, now_ns: int) -> str:
    return age(each.started, now_ns) if each.HasField("started") else "-"


def _per_second(io: pb.Usage.IO, name: str) -> str:
    return f"{size(round(getattr(io, name)))}/s" if io.HasField(name) else "-"


def cores(value: float) -> str:
    """CPU as Kubernetes writes it, below ten cores: "250m", "2", "1500m"; else "12.5"."""
    if value == int(value) or value >= 10:
        return f"{value:.1f}".removesuffix(".0")
    return f"{value * 1000:.0f}m"


def _missing(answer: wire.ListContainersResponse | wire.ListPodsResponse) -> list[str]:
    lines = []
    if answer.truncated:
        lines.append("more than fits into one answer: narrow it with -n or --pod")
    if answer.missed:
        lines.append(f"{answer.missed} cgroups could not be read: `nodectl status` says why")
    return lines and ["", *lines]


def _table(rows: list[tuple[str, ...]], header: tuple[str, ...]) -> list[str]:
    import tabulate

    tabulate.MIN_PADDING = 0  # it gives headers two columns more than they need
    text = tabulate.tabulate(rows, header, tablefmt="plain", disable_numparse=True)
    return [line.rstrip() for line in text.splitlines()]
