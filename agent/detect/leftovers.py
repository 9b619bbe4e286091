"""What the detectors of leftovers share: a message with a count, and evidence for each."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.scene import Scene
from agent.detect.tasks import seconds
from agent.model.condition import NODE, ConditionType, Evidence, Finding
from agent.model.network import Leftover, LeftoverKind

MAX_SHOWN = 8


def leftovers(
    scene: Scene, kind: LeftoverKind, condition: ConditionType, *, reason: str, one: str, many: str
) -> Iterator[Finding]:
    """One finding of the node if there are any of this kind; the oldest first."""
    if scene.network is None:
        return
    now = scene.network.boottime_ns
    found = [each for each in scene.network.leftovers if each.kind is kind]
    found.sort(key=lambda each: each.since_boottime_ns)
    if not found:
        return
    first = found[0]
    what = one if len(found) == 1 else f"{len(found)} {many}"
    more = "" if len(found) == 1 else ", the oldest is"
    unused = seconds(first.since_boottime_ns, now)
    yield Finding(
        type=condition.name,
        entity=NODE,
        reason=reason,
        message=f"{what} to no sandbox of the runtime{more}: {first.name}, which nobody has used "
        f"for {unused}",
        evidence=tuple(_evidence(found, now)),
    )


def _evidence(found: list[Leftover], now_ns: int) -> Iterator[Evidence]:
    for each in found[:MAX_SHOWN]:
        owner = f", made for {each.owner[:12]}" if each.owner else ""
        value = f"{each.name}: unused for {seconds(each.since_boottime_ns, now_ns)}{owner}"
        detail = f"; {each.detail}" if each.detail else ""
        yield Evidence(what=each.kind.value, value=value + detail, source=_SOURCES[each.kind])
    if len(found) > MAX_SHOWN:
        kind = found[0].kind
        more = f"{len(found) - MAX_SHOWN} more"
        yield Evidence(what=kind.value, value=more, source=_SOURCES[kind])


_SOURCES = {
    LeftoverKind.NAMESPACE: "/run/netns, /proc/PID/ns/net, ListPodSandbox",
    LeftoverKind.VETH: "RTM_GETLINK, RTM_GETNSID, ListPodSandbox",
    LeftoverKind.ADDRESS: "host-local, ListPodSandbox",
    LeftoverKind.CGROUP: "cgroup.events, cpu.stat, ListPodSandbox",
}
