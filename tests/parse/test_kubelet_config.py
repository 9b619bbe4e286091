"""agent.parse.kubelet_config and kubelet_flags."""

from __future__ import annotations

import pytest

from agent.model.absence import ParseError
from agent.parse.kubelet_config import KubeletConfig, parse_kubelet_config
from agent.parse.kubelet_flags import KubeletFlags, parse_kubelet_flags

CONFIG = b"""apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}}
evictionHard:
  memory.available: 500Mi
  nodefs.available: "10%"
  pid.available: 500
evictionSoft: {memory.available: 1Gi}
evictionSoftGracePeriod: {memory.available: 1m30s}
mergeDefaultEvictionSettings: true
enforceNodeAllocatable: [pods, kube-reserved]
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
healthzBindAddress: 0.0.0.0
healthzPort: 10348
"""


def test_config() -> None:
    assert parse_kubelet_config(CONFIG) == KubeletConfig(
        eviction_hard={
            "memory.available": "500Mi",
            "nodefs.available": "10%",
            "pid.available": "500",
        },
        eviction_soft={"memory.available": "1Gi"},
        eviction_soft_grace_period={"memory.available": "1m30s"},
        merge_default_eviction_settings=True,
        enforce_node_allocatable=("pods", "kube-reserved"),
        container_runtime_endpoint="unix:///run/containerd/containerd.sock",
        healthz_bind_address="0.0.0.0",
        healthz_port=10348,
    )


def test_what_is_not_said_is_none() -> None:
    """JSON is YAML; a null says nothing."""
    found = parse_kubelet_config(b'{"kind": "KubeletConfiguration", "evictionHard": null}')
    assert found == KubeletConfig()
    assert parse_kubelet_config(b"kind: KubeletConfiguration\nevictionHard: {}").eviction_hard == {}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"a: [",
        b"kind: Pod",
        b"- kind: KubeletConfiguration",
        b"kind: KubeletConfiguration\nevictionHard: [1]",
        b"kind: KubeletConfiguration\nevictionHard: {memory.available: [1]}",
        b"kind: KubeletConfiguration\nevictionHard: {memory.available: true}",
        b"kind: KubeletConfiguration\nenforceNodeAllocatable: pods",
        b"kind: KubeletConfiguration\nhealthzPort: x",
        b"kind: KubeletConfiguration\nhealthzPort: 65536",
        b"kind: KubeletConfiguration\nmergeDefaultEvictionSettings: 1",
        b"kind: !!python/object/apply:os.system [id]",
        b"kind: KubeletConfiguration\nat: 2026-13-45",
    ],
)
def test_no_config(data: bytes) -> None:
    with pytest.raises(ParseError):
        parse_kubelet_config(data)


def test_flags() -> None:
    """Both spellings; pairs add up, of the rest the last counts; what is foreign is skipped."""
    words = (
        *("/usr/bin/kubelet", "--config=/a.yaml", "--config", "/b.yaml", "--config-dir=/d"),
        *("--root-dir", "/data/kubelet", "--v=2", "--fail-swap-on=false"),
        "--eviction-hard=memory.available<500Mi,nodefs.available<10%",
        "--eviction-hard=pid.available<5%",
        *("--eviction-soft", "memory.available<1Gi"),
        "--eviction-soft-grace-period=memory.available=1m30s",
        "--enforce-node-allocatable=pods,kube-reserved",
        "--container-runtime-endpoint=unix:///run/x.sock",
        *("--healthz-port", "10348", "--healthz-bind-address=::"),
    )
    assert parse_kubelet_flags("\0".join(words).encode() + b"\0") == KubeletFlags(
        config="/b.yaml",
        config_dir="/d",
        root_dir="/data/kubelet",
        eviction_hard={
            "memory.available": "500Mi",
            "nodefs.available": "10%",
            "pid.available": "5%",
        },
        eviction_soft={"memory.available": "1Gi"},
        eviction_soft_grace_period={"memory.available": "1m30s"},
        enforce_node_allocatable=("pods", "kube-reserved"),
        container_runtime_endpoint="unix:///run/x.sock",
        healthz_bind_address="::",
        healthz_port=10348,
    )
    assert parse_kubelet_flags(b"kubelet\0") == KubeletFlags()
    assert parse_kubelet_flags(b"--healthz-port=66000\0").healthz_port is None
