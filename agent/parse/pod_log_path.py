"""/var/log/pods: one directory per pod, made by the kubelet

    production_api-gateway-v2-7f5d9c8d4b-9w2k1_d1cb3f57-a7a5-47ca-9def-6c3ba929c3a5
    kube-system_kube-apiserver-node1_0123456789abcdef0123456789abcdef

<namespace>_<pod>_<uid>; none of the three can hold a "_". A static pod's uid has no dashes.

https://kubernetes.io/docs/concepts/cluster-administration/logging/
"""

from __future__ import annotations

import re

from msgspec import Struct

_NAME = re.compile(r"([a-z0-9][a-z0-9-]*)_([a-z0-9][a-z0-9.-]*)_([0-9A-Za-z][0-9A-Za-z.-]*)")


class PodLogDirectory(Struct, frozen=True, kw_only=True):
    namespace: str
    pod: str
    pod_uid: str  # as the directory has it


def parse_pod_log_directory(name: str) -> PodLogDirectory | None:
    """The names that the directory's name holds; None if it is not a pod's."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    return PodLogDirectory(namespace=match[1], pod=match[2], pod_uid=match[3])
