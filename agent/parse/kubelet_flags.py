"""/proc/PID/cmdline of a kubelet: the flags that decide evictions, and where it answers

    /usr/bin/kubelet\\0--config=/var/lib/kubelet/config.yaml\\0--root-dir\\0/data/kubelet\\0
    --eviction-hard=memory.available<500Mi,nodefs.available<10%\\0

A flag is "--name=value" or "--name" with the value behind it. Given twice, the last one counts; a
map's pairs add up, and together replace what the configuration file says (kubelet's
kubeletConfigFlagPrecedence, LangleSeparatedMapStringString).

https://kubernetes.io/docs/reference/command-line-tools-reference/kubelet/
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from agent.parse.names import printable


class KubeletFlags(Struct, frozen=True, kw_only=True):
    """None: the flag is not given. The maps are from signal to what is written for it."""

    config: str | None = None
    config_dir: str | None = None
    root_dir: str | None = None
    eviction_hard: Mapping[str, str] | None = None
    eviction_soft: Mapping[str, str] | None = None
    eviction_soft_grace_period: Mapping[str, str] | None = None
    enforce_node_allocatable: tuple[str, ...] | None = None
    container_runtime_endpoint: str | None = None
    healthz_bind_address: str | None = None
    healthz_port: int | None = None


def parse_kubelet_flags(data: bytes) -> KubeletFlags:
    """The flags; whatever else stands there is skipped."""
    values = _values([printable(word) for word in data.split(b"\0")])
    allocatable = values.get("enforce-node-allocatable")
    return KubeletFlags(
        config=_last(values, "config"),
        config_dir=_last(values, "config-dir"),
        root_dir=_last(values, "root-dir"),
        eviction_hard=_map(values, "eviction-hard", "<"),
        eviction_soft=_map(values, "eviction-soft", "<"),
        eviction_soft_grace_period=_map(values, "eviction-soft-grace-period", "="),
        enforce_node_allocatable=None
        if allocatable is None
        else tuple(word for value in allocatable for word in value.split(",") if word),
        container_runtime_endpoint=_last(values, "container-runtime-endpoint"),
        healthz_bind_address=_last(values, "healthz-bind-address"),
        healthz_port=_port(values, "healthz-port"),
    )


def _values(words: list[str]) -> Mapping[str, list[str]]:
    values: dict[str, list[str]] = {}
    for at, word in enumerate(words):
        if not word.startswith("--"):
            continue
        name, equal, value = word[2:].partition("=")
        if not equal:
            value = words[at + 1] if at + 1 < len(words) else ""
        values.setdefault(name, []).append(value)
    return values


def _last(values: Mapping[str, list[str]], name: str) -> str | None:
    given = values.get(name)
    return given[-1] if given else None


def _port(values: Mapping[str, list[str]], name: str) -> int | None:
    """None too if it is no port: a kubelet would not have started with that."""
    given = _last(values, name) or ""
    known = given.isascii() and given.isdigit() and len(given) <= 5 and int(given) < 65536
    return int(given) if known else None


def _map(values: Mapping[str, list[str]], name: str, between: str) -> Mapping[str, str] | None:
    given = values.get(name)
    if given is None:
        return None
    pairs = (pair.partition(between) for value in given for pair in value.split(",") if pair)
    return {signal.strip(): what.strip() for signal, sign, what in pairs if sign}
