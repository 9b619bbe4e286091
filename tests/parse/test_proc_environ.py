"""agent.parse.proc_environ"""

from __future__ import annotations

import pytest

from agent.parse.proc_environ import CNIEnvironment, parse_cni_environ

ADD = (
    b"PATH=/bin\0TOKEN=secret\0CNI_COMMAND=ADD\0CNI_CONTAINERID=4acabc4f0321\0"
    b"CNI_NETNS=/var/run/netns/cni-c4f0efcb\0CNI_IFNAME=eth0\0CNI_ARGS=IgnoreUnknown=1;"
    b"K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0;K8S_POD_INFRA_CONTAINER_ID=4acabc4f0321;"
    b"K8S_POD_UID=d1cb3f57\0CNI_PATH=/opt/cni/bin\0"
)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (
            ADD,
            CNIEnvironment(
                command="ADD",
                container_id="4acabc4f0321",
                netns="/var/run/netns/cni-c4f0efcb",
                interface="eth0",
                namespace="default",
                pod="web-0",
                pod_uid="d1cb3f57",
            ),
        ),
        (b"CNI_COMMAND=VERSION\0", CNIEnvironment(command="VERSION")),
        (b"CNI_COMMAND=A\nB\0CNI_COMMAND=DEL\0", CNIEnvironment(command="A\\x0aB")),
        (b"CNI_COMMAND\0CNI_ARGS=;;=\0", CNIEnvironment()),
        (b"PATH=/bin", CNIEnvironment()),
        (b"", CNIEnvironment()),
    ],
)
def test_parse_cni_environ(data: bytes, expected: CNIEnvironment) -> None:
    """Of a variable that is set twice the first; nothing else is kept."""
    assert parse_cni_environ(data) == expected
