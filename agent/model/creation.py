"""Sandboxes and containers that are being made: how far each has come, and since when it is there.

The kubelet makes a pod's cgroup, and waits for its volumes; the runtime has a CNI plugin make the
network, then starts a shim and in it, by runc, the sandbox; the kubelet pulls the images; then each
container is made and started, by runc again. Where a step does not end, the pod stays
ContainerCreating.
"""

from __future__ import annotations

import enum

from msgspec import Struct

from agent.model.afterlife import Task
from agent.model.oom import Container


class CreationStep(enum.Enum):
    """In the order in which they come."""

    PENDING = "pending"  # the pod's cgroup is there, and nobody has begun its sandbox
    NETWORK = "network"  # a CNI plugin works on ADD
    SANDBOX = "sandbox"  # its shim is there; it does not run, and the runtime does not list it
    IMAGE = "image"  # the sandbox runs and has had no container: as a rule images are pulled
    CREATED = "created"  # the runtime has the container, and has not begun to start it
    INIT = "init"  # runc has made its process, which has not executed the container's program


class RuntimeInit(Struct, frozen=True, kw_only=True):
    """A process of runc's for a container, as it calls itself: not to be believed alone."""

    task: Task
    container_id: str
    pod_uid: str


class Creation(Struct, frozen=True, kw_only=True):
    """One that is not done."""

    step: CreationStep
    sandbox: bool  # that is what is made; else a container
    names: Container  # of a sandbox, and in step IMAGE, the pod's: without a container's name
    since_boottime_ns: int  # of this step, as far as we looked
    begun_boottime_ns: int  # of all of it: for a pod's first sandbox, when its cgroup was seen
    pid: int | None = None  # of the plugin, the shim or runc's process
    comm: str = ""
    state: str = ""
    wchan: str = ""
