"""A static pod's manifest, as a kubelet reads it from a directory."""

from collections.abc import Sequence
from typing import Any

from tests.lab.oci import WORK

Json = dict[str, Any]


def static_pod(
    name: str,
    argv: Sequence[str],
    *,
    memory: str = "",
    liveness: Sequence[str] = (),
    beside: Sequence[str] = (),
    grace_seconds: int = 1,
) -> Json:
    """A pod with the container `main` of the lab's image, and `beside` it another one, without a
    limit. Where each container has one, the kubelet gives the pod their sum.
    """
    main: Json = {
        "name": "main",
        "image": WORK,
        "imagePullPolicy": "Never",
        "command": list(argv),
        "resources": {"requests": {"cpu": "100m"}, "limits": {"memory": memory} if memory else {}},
    }
    if liveness:
        # An exec in an emulated guest takes a second or two.
        often = {"periodSeconds": 5, "timeoutSeconds": 60, "failureThreshold": 1}
        main["livenessProbe"] = {"exec": {"command": list(liveness)}, **often}
    containers = [main]
    if beside:
        containers.append(
            {"name": "beside", "image": WORK, "imagePullPolicy": "Never", "command": list(beside)}
        )
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "hostNetwork": True,
            "terminationGracePeriodSeconds": grace_seconds,
            "containers": containers,
        },
    }
