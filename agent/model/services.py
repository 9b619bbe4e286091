"""The services of a node that its pods depend on, by the name of their unit."""

from __future__ import annotations

UPHOLDING = ("kubelet", "containerd", "crio", "docker", "k3s", "rke2", "etcd")
"""What their units' names begin with: k3s-agent.service and rke2-server.service are meant too."""


def upholds(unit: str) -> bool:
    """Whether pods depend on this unit."""
    return unit.endswith(".service") and unit.startswith(UPHOLDING)
