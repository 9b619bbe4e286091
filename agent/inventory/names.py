"""Which of several sources is believed about the names of a container.

The order is the order of trust and of detail: the container runtime over its API (cri), the bundle
that it left on disk (bundle), the kubelet's log directories (pod-logs), and at last the path of the
cgroup, which holds the pod's uid and the container's id and is always there (cgroup).

Names are chosen by others. Kubernetes allows 253 characters of a small alphabet, but neither
containerd nor the kernel checks that, so each name passes `clean` once, here.
"""

from __future__ import annotations

import enum

from msgspec import Struct

from agent.model.cgroup import CgroupPlace
from agent.model.oom import Container
from agent.parse.names import printable

MAX_BYTES = 253
"""Of a name; what Kubernetes allows a pod's to have."""
CUT = "..."
SANDBOX_NAME = "POD"
"""The name of a sandbox's own ("pause") container, as the kubelet and cAdvisor have it."""

CGROUP, POD_LOGS, BUNDLE, CRI = "cgroup", "pod-logs", "bundle", "cri"
RANK = {CGROUP: 0, POD_LOGS: 1, BUNDLE: 2, CRI: 3}
"""How far Container.names_from is believed: more over less."""


class ContainerKind(enum.Enum):
    """What runs in a cgroup that looks like a container's."""

    UNKNOWN = "unknown"
    SANDBOX = "sandbox"
    CONTAINER = "container"


class Names(Struct, frozen=True, kw_only=True):
    """What one source says of one container. Empty strings: it does not say."""

    namespace: str = ""
    pod: str = ""
    pod_uid: str = ""
    container: str = ""
    kind: ContainerKind = ContainerKind.UNKNOWN


class Identified(Struct, frozen=True, kw_only=True):
    """What all sources together say."""

    container: Container
    kind: ContainerKind

    @property
    def complete(self) -> bool:
        """Whether there is nothing left to ask."""
        names = self.container
        return bool(names.namespace and names.pod and names.name)


def merge(
    place: CgroupPlace,
    *,
    cri: Names | None = None,
    bundle: Names | None = None,
    pod_logs: Names | None = None,
) -> Identified:
    """The names of the container at `place`: each from the best source that knows it.

    `names_from` is the best source that gave any. The pod's uid and the container's id are the
    cgroup's whenever its path holds them: the kernel vouches for those.
    """
    ranked = [
        (source, names)
        for source, names in ((CRI, cri), (BUNDLE, bundle), (POD_LOGS, pod_logs))
        if names is not None
    ]
    kind = next(
        (names.kind for _, names in ranked if names.kind is not ContainerKind.UNKNOWN),
        ContainerKind.UNKNOWN,
    )
    name = next((names.container for _, names in ranked if names.container), "")
    told_by = (source for source, n in ranked if n.namespace or n.pod or n.container)
    container = Container(
        namespace=clean(next((names.namespace for _, names in ranked if names.namespace), "")),
        pod=clean(next((names.pod for _, names in ranked if names.pod), "")),
        pod_uid=place.pod_uid or clean(next((n.pod_uid for _, n in ranked if n.pod_uid), "")),
        name=SANDBOX_NAME if kind is ContainerKind.SANDBOX else clean(name),
        id=place.container_id,
        names_from=next(told_by, CGROUP),
    )
    return Identified(container=container, kind=kind)


def clean(name: str) -> str:
    """The name as printable ASCII, `\\xNN` for other bytes; beyond 253 bytes cut, with "..."."""
    text = printable(name.encode("utf-8", "surrogatepass"))
    return text if len(text) <= MAX_BYTES else text[: MAX_BYTES - len(CUT)] + CUT
