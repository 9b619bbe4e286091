"""The kubelet's eviction thresholds from its files and flags, each with where it comes from

The rules are the kubelet's (cmd/kubelet/app/server.go; ParseThresholdConfig and
addAllocatableThresholds, pkg/kubelet/eviction/helpers.go): later files add to the maps of earlier
ones; a flag replaces the whole map; evictionHard given anywhere replaces all defaults, unless
mergeDefaultEvictionSettings is true; a threshold of 0% or 100% is none; the hard threshold of
memory.available holds for kubepods too where the kubelet enforces their limit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from agent.model.absence import ParseError
from agent.model.memory import Signal, Threshold
from agent.parse.go_duration import parse_go_duration
from agent.parse.kubelet_config import KubeletConfig
from agent.parse.kubelet_flags import KubeletFlags
from agent.parse.quantity import parse_percentage, parse_quantity

DEFAULT_HARD = {
    "memory.available": "100Mi",
    "nodefs.available": "10%",
    "nodefs.inodesFree": "5%",
    "imagefs.available": "15%",
    "imagefs.inodesFree": "5%",
}
"""DefaultEvictionHard, pkg/kubelet/eviction/defaults_linux.go."""

_SIGNALS = {signal.value: signal for signal in Signal}
_OURS_TO_SKIP = frozenset({"containerfs.available", "containerfs.inodesFree"})
"""The kubelet replaces these by those of nodefs or imagefs (UpdateContainerFsThresholds)."""

_Written = Mapping[str, tuple[str, str]]  # signal: (what is written, where)


class Thresholds(Struct, frozen=True, kw_only=True):
    """All of them, and what could not be understood, in words."""

    thresholds: tuple[Threshold, ...]
    problems: tuple[str, ...] = ()


def eviction_thresholds(
    files: Sequence[tuple[str, KubeletConfig]], flags: KubeletFlags, why_default: str
) -> Thresholds:
    """`files` in the order in which the kubelet merges them; `why_default` ends "default: ..."."""
    hard = _overridden(
        _merged([(path, file.eviction_hard) for path, file in files]),
        flags.eviction_hard,
        "--eviction-hard",
    )
    soft = _overridden(
        _merged([(path, file.eviction_soft) for path, file in files]),
        flags.eviction_soft,
        "--eviction-soft",
    )
    graces = _overridden(
        _merged([(path, file.eviction_soft_grace_period) for path, file in files]),
        flags.eviction_soft_grace_period,
        "--eviction-soft-grace-period",
    )
    problems: list[str] = []
    found = [
        threshold
        for signal, (text, source) in _with_defaults(hard, files, why_default).items()
        if (threshold := _threshold(signal, text, source, problems, hard=True))
    ]
    for signal, (text, source) in (soft or {}).items():
        threshold = _threshold(signal, text, source, problems, hard=False)
        if threshold is not None:
            grace = _grace(signal, (graces or {}).get(signal), problems)
            found.append(replace(threshold, grace_seconds=grace))
    if "pods" in _enforced(files, flags):
        found += [
            replace(threshold, signal=Signal.ALLOCATABLE_MEMORY)
            for threshold in found
            if threshold.signal is Signal.MEMORY and threshold.hard
        ]
    order = list(Signal)
    found.sort(key=lambda threshold: (order.index(threshold.signal), not threshold.hard))
    return Thresholds(thresholds=tuple(found), problems=tuple(problems))


def _merged(maps: Sequence[tuple[str, Mapping[str, str] | None]]) -> _Written | None:
    merged: dict[str, tuple[str, str]] | None = None
    for path, written in maps:
        if written is not None:
            merged = (merged or {}) | {
                key: (text, f"config {path}") for key, text in written.items()
            }
    return merged


def _overridden(
    written: _Written | None, flag: Mapping[str, str] | None, name: str
) -> _Written | None:
    if flag is None:
        return written
    return {key: (text, f"flag {name}") for key, text in flag.items()}


def _with_defaults(
    hard: _Written | None, files: Sequence[tuple[str, KubeletConfig]], why: str
) -> _Written:
    if hard is None:
        return {key: (text, f"default: {why}") for key, text in DEFAULT_HARD.items()}
    merge = [file.merge_default_eviction_settings for _, file in files]
    if not next((value for value in reversed(merge) if value is not None), False):
        return hard
    source = "default: mergeDefaultEvictionSettings is true"
    return {key: (text, source) for key, text in DEFAULT_HARD.items()} | dict(hard)


def _enforced(files: Sequence[tuple[str, KubeletConfig]], flags: KubeletFlags) -> tuple[str, ...]:
    if flags.enforce_node_allocatable is not None:
        return flags.enforce_node_allocatable
    given = [file.enforce_node_allocatable for _, file in files]
    return next((value for value in reversed(given) if value is not None), ("pods",))


def _threshold(
    name: str, text: str, source: str, problems: list[str], *, hard: bool
) -> Threshold | None:
    if name in _OURS_TO_SKIP or text in ("0%", "100%"):
        return None
    signal = _SIGNALS.get(name)
    if signal is None:
        problems.append(f"{source}: {name!a} is no eviction signal that is known here")
        return None
    data = text.encode("utf-8", "backslashreplace")
    try:
        if text.endswith("%"):
            fraction = parse_percentage(data)
            return Threshold(signal=signal, hard=hard, text=text, source=source, fraction=fraction)
        quantity = parse_quantity(data)
    except ParseError as error:
        problems.append(f"{source}: {name}: {error}")
        return None
    return Threshold(signal=signal, hard=hard, text=text, source=source, quantity=quantity)


def _grace(signal: str, written: tuple[str, str] | None, problems: list[str]) -> float | None:
    if written is None:
        problems.append(f"{signal}: a soft threshold without a grace period")
        return None
    text, source = written
    try:
        return parse_go_duration(text.encode("utf-8", "backslashreplace"))
    except ParseError as error:
        problems.append(f"{source}: {signal}: {error}")
        return None
