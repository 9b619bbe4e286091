"""agent.derive.pod_namespaces."""

from __future__ import annotations

from msgspec.structs import replace

from agent.derive.pod_namespaces import pod_networks
from agent.model.network import Datapath
from agent.model.oom import Container
from tests.serve.network_sample import NAMESPACES, NET


def test_the_sandbox_s_is_the_pod_s() -> None:
    """In whatever order they stand; without one, a container's is."""
    for containers in (NAMESPACES.containers, NAMESPACES.containers[::-1]):
        seen = replace(NAMESPACES, containers=containers)
        found = {pod.pod.pod: pod for pod in pod_networks(seen, lambda _, names: names)}
        assert set(found) == {"web-0", "web-1", "proxy"}  # job-6 has no process
        assert (found["web-0"].pid, found["web-0"].inode) == (713, NET)
        assert found["web-0"].name == "cni-20a26202"
        assert found["web-0"].datapath is Datapath.UNKNOWN
        assert (found["proxy"].pid, found["proxy"].datapath) == (640, Datapath.HOST)


def test_names_are_the_inventory_s() -> None:
    def named(uid: str, names: Container) -> Container:
        return replace(names, pod=f"pod of {uid}")

    found = pod_networks(NAMESPACES, named)
    assert "pod of uid-of-web-0" in {pod.pod.pod for pod in found}
