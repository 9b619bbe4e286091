"""What a plugin's environment tells of its call."""

from __future__ import annotations

from msgspec.structs import replace

from agent.model.cni import CNICall
from agent.model.oom import Container
from agent.parse.proc_environ import CNIEnvironment

NAMES_FROM = "cni"


def with_environment(call: CNICall, found: CNIEnvironment) -> CNICall:
    """The call with command, container, namespace, interface, and its pod where CNI_ARGS names it:
    an ADD comes before anything else knows the sandbox.
    """
    pod = Container(
        namespace=found.namespace,
        pod=found.pod,
        pod_uid=found.pod_uid,
        id=found.container_id,
        names_from=NAMES_FROM,
    )
    return replace(
        call,
        command=found.command,
        container_id=found.container_id,
        netns=found.netns,
        interface=found.interface,
        pod=pod if found.pod else None,
    )
