"""Pressure on the wire: agent.model.pressure and pressure.proto."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from agent.api.v1 import pressure_pb2 as pb
from agent.api.wire import (
    CodecError,
    duration_ns,
    from_duration_ns,
    from_timestamp,
    text,
    timestamp,
)
from agent.model.oom import Container
from agent.model.pressure import (
    Episode,
    Level,
    PressureReport,
    Resource,
    Scope,
    Thrash,
    TriggerState,
)
from agent.model.usage import Pressure


def pressure_to_wire(report: PressureReport) -> pb.PressureReport:
    """A message of the caller's own."""
    return pb.PressureReport(
        at=timestamp(report.wall_ns),
        levels=[_level(level) for level in report.levels],
        triggers=[_trigger(trigger) for trigger in report.triggers],
        current=[episode_to_wire(episode) for episode in report.current],
        last=[episode_to_wire(episode) for episode in report.last],
        thrashing=[_thrash(thrash, report.boottime_ns) for thrash in report.thrashing],
        absent_reason=text(report.absent),
    )


def episode_to_wire(episode: Episode) -> pb.PressureEpisode:
    """A message of the caller's own."""
    return pb.PressureEpisode(
        scope=episode.scope.value,
        resource=episode.resource.value,
        started=timestamp(episode.started_wall_ns),
        started_boottime_ns=episode.started_boottime_ns,
        last_fired=timestamp(episode.last_wall_ns),
        last_fired_boottime_ns=episode.last_boottime_ns,
        avg10=episode.avg10,
        peak_avg10=episode.peak_avg10,
        window_stall=duration_ns(episode.window_stall_us * 1000),
        window=duration_ns(episode.window_us * 1000),
        stall=duration_ns(episode.stall_us * 1000),
        fired=episode.fired,
        over=episode.over,
    )


def episode_to_model(wire: pb.PressureEpisode) -> Episode:
    """The inverse of `episode_to_wire`; `CodecError` of a word that this version does not know."""
    return Episode(
        scope=_known(_SCOPES, wire.scope),
        resource=_known(_RESOURCES, wire.resource),
        started_boottime_ns=wire.started_boottime_ns,
        started_wall_ns=from_timestamp(wire.started),
        last_boottime_ns=wire.last_fired_boottime_ns,
        last_wall_ns=from_timestamp(wire.last_fired),
        avg10=wire.avg10,
        peak_avg10=wire.peak_avg10,
        window_stall_us=from_duration_ns(wire.window_stall) // 1000,
        window_us=from_duration_ns(wire.window) // 1000,
        stall_us=from_duration_ns(wire.stall) // 1000,
        fired=wire.fired,
        over=wire.over,
    )


_SCOPES = {scope.value: scope for scope in Scope}
_RESOURCES = {resource.value: resource for resource in Resource}
_Word = TypeVar("_Word", Scope, Resource)


def _known(words: Mapping[str, _Word], word: str) -> _Word:
    if word not in words:
        raise CodecError(f"pressure of {word!r}: a word that this version does not know")
    return words[word]


def _level(level: Level) -> pb.PressureLevel:
    return pb.PressureLevel(
        scope=level.scope.value,
        resource=level.resource.value,
        some=_some(level.pressure),
        full=_full(level.pressure),
    )


def _some(pressure: Pressure) -> pb.PressureStall:
    return pb.PressureStall(
        avg10=pressure.some_avg10,
        avg60=pressure.some_avg60,
        avg300=pressure.some_avg300,
        total=duration_ns(pressure.some_us * 1000),
    )


def _full(pressure: Pressure) -> pb.PressureStall | None:
    if pressure.full_us is None:
        return None
    return pb.PressureStall(
        avg10=pressure.full_avg10 or 0.0,
        avg60=pressure.full_avg60 or 0.0,
        avg300=pressure.full_avg300 or 0.0,
        total=duration_ns(pressure.full_us * 1000),
    )


def _trigger(state: TriggerState) -> pb.PressureTrigger:
    return pb.PressureTrigger(
        scope=state.scope.value,
        resource=state.resource.value,
        stall=duration_ns(state.stall_us * 1000),
        window=duration_ns(state.window_us * 1000),
        armed=state.armed,
        detail=text(state.detail),
        fired=state.fired,
    )


def _thrash(thrash: Thrash, now_ns: int) -> pb.ReclaimThrash:
    place = thrash.place
    names = thrash.container or Container(pod_uid=place.pod_uid, id=place.container_id)
    return pb.ReclaimThrash(
        namespace=text(names.namespace),
        pod=text(names.pod),
        pod_uid=text(names.pod_uid),
        container=text(names.name),
        container_id=text(names.id),
        cgroup=text(place.path),
        max_rises=thrash.max_rises,
        high_rises=thrash.high_rises,
        window=duration_ns(int(thrash.window_seconds * 1e9)),
        lasted=duration_ns(max(0, now_ns - thrash.since_boottime_ns)),
        stall=None if thrash.pressure is None else _some(thrash.pressure),
    )
