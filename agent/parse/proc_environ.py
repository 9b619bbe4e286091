r"""/proc/PID/environ of a CNI plugin

    CNI_COMMAND=ADD\0CNI_CONTAINERID=4acabc4f0321...\0CNI_NETNS=/var/run/netns/cni-c4f0efcb-...\0
    CNI_IFNAME=eth0\0CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0;
    K8S_POD_INFRA_CONTAINER_ID=4acabc4f0321...;K8S_POD_UID=d1cb3f57-...\0CNI_PATH=/opt/cni/bin\0

Nothing but the five CNI_ variables is kept, and of CNI_ARGS only the pod's names: the rest of an
environment holds secrets.

https://www.cni.dev/docs/spec/#parameters, proc_pid_environ(5)
"""

from __future__ import annotations

from msgspec import Struct

from agent.parse.names import printable

_MAX_VALUE = 4096


class CNIEnvironment(Struct, frozen=True, kw_only=True):
    """Empty: not set."""

    command: str = ""
    container_id: str = ""
    netns: str = ""
    interface: str = ""
    namespace: str = ""
    pod: str = ""
    pod_uid: str = ""


def parse_cni_environ(data: bytes) -> CNIEnvironment:
    """The CNI's variables; of one that is set twice, the first, as getenv(3) has it."""
    found: dict[bytes, bytes] = {}
    for entry in data.split(b"\0"):
        if entry.startswith(b"CNI_"):
            key, _, value = entry.partition(b"=")
            found.setdefault(key, value[:_MAX_VALUE])
    arguments: dict[bytes, bytes] = {}
    for entry in found.get(b"CNI_ARGS", b"").split(b";"):
        key, _, value = entry.partition(b"=")
        arguments.setdefault(key, value)
    return CNIEnvironment(
        command=printable(found.get(b"CNI_COMMAND", b"")),
        container_id=printable(found.get(b"CNI_CONTAINERID", b"")),
        netns=printable(found.get(b"CNI_NETNS", b"")),
        interface=printable(found.get(b"CNI_IFNAME", b"")),
        namespace=printable(arguments.get(b"K8S_POD_NAMESPACE", b"")),
        pod=printable(arguments.get(b"K8S_POD_NAME", b"")),
        pod_uid=printable(arguments.get(b"K8S_POD_UID", b"")),
    )
