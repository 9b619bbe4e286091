"""An OCI bundle's config.json, as containerd and CRI-O write it before a container starts

    {"annotations": {"io.kubernetes.cri.container-type": "container",
                     "io.kubernetes.cri.container-name": "gateway",
                     "io.kubernetes.cri.sandbox-id": "4acabc4f0321...",
                     "io.kubernetes.cri.sandbox-name": "api-gateway-v2-7f5d9c8d4b-9w2k1",
                     "io.kubernetes.cri.sandbox-namespace": "production",
                     "io.kubernetes.cri.sandbox-uid": "d1cb3f57-a7a5-47ca-9def-6c3ba929c3a5"},
     "linux": {"cgroupsPath": "/kubepods/burstable/podd1cb3f57-a7a5-.../253748b789a4..."}}
    {"annotations": {"io.kubernetes.cri-o.ContainerType": "container",
                     "io.kubernetes.container.name": "gateway",
                     "io.kubernetes.pod.name": "api-gateway-v2-7f5d9c8d4b-9w2k1", ...},
     "linux": {"cgroupsPath": "kubepods-burstable-podd1cb3f57_a7a5_....slice:crio:253748b789a4..."}}

https://github.com/containerd/containerd/blob/main/internal/cri/annotations/annotations.go
https://github.com/cri-o/cri-o/blob/main/pkg/annotations/internal.go
https://github.com/opencontainers/runtime-spec/blob/main/config.md
"""

from __future__ import annotations

import json

from msgspec import Struct

from agent.model.absence import ParseError
from agent.parse.names import printable


class BundleNames(Struct, frozen=True, kw_only=True):
    """The names that a bundle tells; empty strings: it does not."""

    container_type: str  # "container" or "sandbox"; empty: not of Kubernetes
    namespace: str
    pod: str
    pod_uid: str
    container: str  # empty for a sandbox
    container_id: str  # CRI-O only: containerd names the bundle's directory after it
    sandbox_id: str
    cgroups_path: str  # a path, or "slice:prefix:id" with the systemd driver


# Field: the annotation of containerd, then CRI-O's.
_ANNOTATIONS = {
    "container_type": ("io.kubernetes.cri.container-type", "io.kubernetes.cri-o.ContainerType"),
    "namespace": ("io.kubernetes.cri.sandbox-namespace", "io.kubernetes.pod.namespace"),
    "pod": ("io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name"),
    "pod_uid": ("io.kubernetes.cri.sandbox-uid", "io.kubernetes.pod.uid"),
    "container": ("io.kubernetes.cri.container-name", "io.kubernetes.container.name"),
    "container_id": ("io.kubernetes.cri-o.ContainerID",),
    "sandbox_id": ("io.kubernetes.cri.sandbox-id", "io.kubernetes.cri-o.SandboxID"),
}
_CRIO_SANDBOX_NAME = "POD"  # what CRI-O calls a sandbox's own container


def parse_bundle(data: bytes) -> BundleNames:
    """The names. ParseError for what is not JSON, or not a runtime's configuration."""
    try:
        config = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ParseError(f"config.json: JSON ({type(error).__name__})", data[:200]) from None
    if not isinstance(config, dict):
        raise ParseError("config.json: an object", data[:200])
    annotations = _object(config, "annotations")
    names = {
        field: next((text for key in keys if (text := _text(annotations, key))), "")
        for field, keys in _ANNOTATIONS.items()
    }
    if names["container_type"] == "sandbox" and names["container"] == _CRIO_SANDBOX_NAME:
        names["container"] = ""
    return BundleNames(cgroups_path=_text(_object(config, "linux"), "cgroupsPath"), **names)


def _object(parent: dict[str, object], key: str) -> dict[str, object]:
    value = parent.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ParseError(f"config.json: {key}, an object", repr(value)[:200])
    return value


def _text(parent: dict[str, object], key: str) -> str:
    value = parent.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ParseError(f"config.json: {key}, a string", repr(value)[:200])
    return printable(value.encode("utf-8", "surrogatepass"))
