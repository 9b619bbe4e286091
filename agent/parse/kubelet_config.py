"""A KubeletConfiguration, or a drop-in of one, as far as we ask for it

    apiVersion: kubelet.config.k8s.io/v1beta1
    kind: KubeletConfiguration
    evictionHard:
      memory.available: 500Mi
      nodefs.available: 10%
    evictionSoft: {memory.available: 1Gi}
    evictionSoftGracePeriod: {memory.available: 1m30s}
    enforceNodeAllocatable: [pods]
    healthzBindAddress: 127.0.0.1
    healthzPort: 10248

Absent is None: what the file does not say, the kubelet's default or an earlier file decides.

https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from agent.model.absence import ParseError

KIND = "KubeletConfiguration"


class KubeletConfig(Struct, frozen=True, kw_only=True):
    """One file. The maps are from signal to what is written for it."""

    eviction_hard: Mapping[str, str] | None = None
    eviction_soft: Mapping[str, str] | None = None
    eviction_soft_grace_period: Mapping[str, str] | None = None
    merge_default_eviction_settings: bool | None = None
    enforce_node_allocatable: tuple[str, ...] | None = None
    container_runtime_endpoint: str | None = None
    healthz_bind_address: str | None = None
    healthz_port: int | None = None


def parse_kubelet_config(data: bytes) -> KubeletConfig:
    """What the file says. ParseError if it is no YAML, or of another kind."""
    document = _document(data)
    return KubeletConfig(
        eviction_hard=_map(document, "evictionHard"),
        eviction_soft=_map(document, "evictionSoft"),
        eviction_soft_grace_period=_map(document, "evictionSoftGracePeriod"),
        merge_default_eviction_settings=_bool(document, "mergeDefaultEvictionSettings"),
        enforce_node_allocatable=_list(document, "enforceNodeAllocatable"),
        container_runtime_endpoint=_text(document, "containerRuntimeEndpoint"),
        healthz_bind_address=_text(document, "healthzBindAddress"),
        healthz_port=_port(document, "healthzPort"),
    )


def _document(data: bytes) -> Mapping[str, Any]:
    import yaml  # a file that is read at the start need not cost memory before

    try:
        document = yaml.safe_load(data)
    except (yaml.YAMLError, ValueError, LookupError, RecursionError) as error:
        line = str(error).replace("\n", " ")
        raise ParseError(f"a {KIND} in YAML ({ascii(line)[1:121]})", data) from error
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise ParseError(f"a document of kind {KIND}", data)
    return document


def _map(document: Mapping[str, Any], key: str) -> Mapping[str, str] | None:
    value = document.get(key)
    if value is None:
        return None
    if not isinstance(value, dict):
        raise ParseError(f"{key}: a map", ascii(value)[:200])
    return {_scalar(signal, key): _scalar(what, key) for signal, what in value.items()}


def _list(document: Mapping[str, Any], key: str) -> tuple[str, ...] | None:
    value = document.get(key)
    if value is None:
        return None
    if not isinstance(value, list):
        raise ParseError(f"{key}: a list", ascii(value)[:200])
    return tuple(_scalar(item, key) for item in value)


def _bool(document: Mapping[str, Any], key: str) -> bool | None:
    value = document.get(key)
    if value is not None and not isinstance(value, bool):
        raise ParseError(f"{key}: true or false", ascii(value)[:200])
    return value


def _text(document: Mapping[str, Any], key: str) -> str | None:
    value = document.get(key)
    return None if value is None else _scalar(value, key)


def _port(document: Mapping[str, Any], key: str) -> int | None:
    value = document.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 65536:
        raise ParseError(f"{key}: a port", ascii(value)[:200])
    return value


def _scalar(value: object, key: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ParseError(f"{key}: text", ascii(value)[:200])
    return str(value)
