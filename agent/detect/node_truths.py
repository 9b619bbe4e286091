"""What keeps pods of this node from starting or from being reached, as the kernel has it: that
which a node that calls itself Ready cannot mean.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from agent.detect import (
    cni_not_configured,
    cni_stalled,
    pod_network_incomplete,
    runtime_unresponsive,
)
from agent.detect.scene import Scene


class Truth(Struct, frozen=True, kw_only=True):
    """One of them, with the reason that its disagreement has."""

    reason: str
    words: str
    source: str


def truths(scene: Scene) -> Iterator[Truth]:
    """All that is so, the worst first; what is only a warning there is none here."""
    runtime = scene.runtime
    if runtime is not None and not runtime.absent and runtime.failing is not None:
        words = runtime_unresponsive.told(runtime)
        yield Truth(reason="RuntimeUnresponsive", words=words, source="nodectl runtime, /proc")
    for reason, detector in (
        ("CNINotConfigured", cni_not_configured.DETECTOR),
        ("CNIStalled", cni_stalled.DETECTOR),
    ):
        for finding in detector.detect(scene):
            if finding.severity is None:
                yield Truth(reason=reason, words=finding.message, source="nodectl cni")
    yield from _paths(scene)


def _paths(scene: Scene) -> Iterator[Truth]:
    """Half of the pods or more are cut off: not one that has lost its interface."""
    broken = list(pod_network_incomplete.DETECTOR.detect(scene))
    own = [] if scene.network is None else [pod for pod in scene.network.pods if pod.steps]
    if broken and 2 * len(broken) >= len(own):
        first = broken[0]
        names = first.entity.names
        who = "" if names is None else f"{names.namespace or '?'}/{names.pod or names.pod_uid}: "
        words = f"the network of {len(broken)} of {len(own)} pods is broken, {who}{first.message}"
        yield Truth(reason="PodNetworksBroken", words=words, source="nodectl net")
