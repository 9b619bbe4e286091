"""What the three detectors of restart loops have in common: which deaths count, and their evidence.

A restart is a new container with a new id; what repeats is the container's name within its pod.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from agent.detect.scene import Scene
from agent.model.condition import Entity, EntityKind, Evidence
from agent.model.exits import ContainerDeath

WINDOW_SECONDS = 1200.0
"""The kubelet's back-off grows to 300 s: three deaths of a container that runs for a minute or so
in between still fall into it.
"""
RECENT_SECONDS = 600.0
"""Twice that back-off without a further death: it has recovered."""
TIMES = 3
"""Deaths of one container; two are an accident and its repetition."""

THROTTLED = 0.05
"""The kernel counts a throttled task as one that waits for a CPU: beyond so much of the periods cpu
pressure proves nothing of what others take.
"""

MAX_EVIDENCE = 10


def loops(
    scene: Scene, counts: Callable[[ContainerDeath], bool], *, times: int = TIMES
) -> Iterator[list[ContainerDeath]]:
    """For each container of a pod that is there, its deaths that count, oldest first: at least
    `times` in the window, and the last of them recent.
    """
    by_name: dict[tuple[str, str], list[ContainerDeath]] = {}
    for death in within(scene, counts, WINDOW_SECONDS):
        by_name.setdefault((death.container.pod_uid, death.container.name), []).append(death)
    for deaths in by_name.values():
        age_ns = scene.now_boottime_ns - deaths[-1].boottime_ns
        if len(deaths) >= times and age_ns <= RECENT_SECONDS * 1e9:
            yield deaths


def within(
    scene: Scene, counts: Callable[[ContainerDeath], bool], seconds: float
) -> list[ContainerDeath]:
    """The deaths that count, of pods that are there, of the last so many seconds; oldest first."""
    there = {pod.names.pod_uid for pod in scene.pods}
    after_ns = scene.now_boottime_ns - int(seconds * 1e9)
    return [
        death
        for death in scene.deaths
        if death.boottime_ns >= after_ns
        and death.container.pod_uid
        and (not there or death.container.pod_uid in there)
        and counts(death)
    ]


def worst_of_each_pod(
    found: Iterable[list[ContainerDeath]],
) -> Iterator[list[ContainerDeath]]:
    """One loop for each pod, which is what the condition is about: that with the most deaths."""
    worst: dict[str, list[ContainerDeath]] = {}
    for deaths in found:
        uid = deaths[-1].container.pod_uid
        if len(deaths) > len(worst.get(uid, ())):
            worst[uid] = deaths
    yield from worst.values()


def pod(deaths: list[ContainerDeath]) -> Entity:
    """The pod of the last of them; its name is that of the container too."""
    container = deaths[-1].container
    return Entity(kind=EntityKind.POD, id=container.pod_uid, names=container)


def often(deaths: list[ContainerDeath]) -> str:
    """ "5 times in 7 min"."""
    span = (deaths[-1].boottime_ns - deaths[0].boottime_ns) / 60e9
    return f"{len(deaths)} times in " + ("a minute" if span < 1 else f"{span:.0f} min")


def how(deaths: list[ContainerDeath]) -> str:
    """ "exit code 1 (4), signal 11 (1)": the commonest first."""
    counted = Counter(map(_end, deaths)).most_common()
    return ", ".join(f"{end} ({count})" if len(counted) > 1 else end for end, count in counted)


def _end(death: ContainerDeath) -> str:
    if death.signal is not None:
        return f"signal {death.signal}"
    return "unknown end" if death.exit_code is None else f"exit code {death.exit_code}"


def evidence(deaths: list[ContainerDeath], now_ns: int) -> Iterator[Evidence]:
    """The last deaths, newest first: verdict, by whom, and the pressure then."""
    for death in deaths[: -MAX_EVIDENCE - 1 : -1]:
        container = death.container
        name = f"{container.pod or container.pod_uid}/{container.name or container.id[:12]}"
        by = "" if death.sender is None else f" by {death.sender.comm}[{death.sender.pid}]"
        told = pressure(death)
        yield Evidence(
            what="death",
            value=f"{name} {(now_ns - death.boottime_ns) / 1e9:.0f} s ago: "
            f"{death.verdict.value}{by}, {_end(death)}" + (f"; {told}" if told else ""),
            source=", ".join(death.witnesses) or "the exits ledger",
        )


def pressure(death: ContainerDeath) -> str:
    """ "throttled in 93 % of its periods, cpu some 71 %": what was measured at the moment of death,
    throttling only where it tells.
    """
    ratio = death.cpu_throttled_ratio or 0.0
    words = [f"throttled in {100 * ratio:.0f} % of its periods"] * (ratio >= THROTTLED)
    words += [f"{what} {value:.0f} %" for what, value in pressures(death).items()]
    return ", ".join(words + ["network saturated"] * bool(death.network_saturated))


def pressures(death: ContainerDeath) -> dict[str, float]:
    """What was measured, in percent of ten seconds."""
    told = (
        ("cpu some", death.cpu_pressure_some),
        ("memory full", death.memory_pressure_full),
        ("io full", death.io_pressure_full),
        ("node cpu some", death.node_cpu_pressure_some),
        ("node memory full", death.node_memory_pressure_full),
        ("node io full", death.node_io_pressure_full),
    )
    return {what: value for what, value in told if value is not None}
