"""Conditions of image pulls."""

from __future__ import annotations

from agent.model.condition import ConditionType, EntityKind, Severity

IMAGE_PULL_STALLED = ConditionType(
    name="ImagePullStalled",
    severity=Severity.WARNING,
    entity=EntityKind.NODE,
    fires_when="For runtime.pull_stalled_after containerd has got no byte of an image's blob that "
    "it pulls, or has not written it out, or has unpacked nothing of it.",
    what_to_do="The message says whether the network or the disk holds it up. `nodectl pulls` "
    "shows the registry's connection and the device. By default a kubelet pulls one image after "
    "the other, so that all others wait too.",
    sources=("pulls",),
    raise_after_seconds=2.0,
    clear_after_seconds=2.0,
)

TYPES = (IMAGE_PULL_STALLED,)
