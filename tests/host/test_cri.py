"""agent.host.cri: the runtime's answers, and its silence, in words."""

from __future__ import annotations

import asyncio
import base64
import errno
import os
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import grpc
import grpc.aio
import pytest
import pytest_asyncio

from agent.api.cri.v1 import runtime_pb2 as pb
from agent.host.absence import SourceAbsent
from agent.host.cri import (
    CriClient,
    CriContainer,
    CriContainerStatus,
    CriNetwork,
    CriSandbox,
    CriVersion,
)
from agent.model.absence import Absence
from agent.model.cni import CNIPlaces

LONG = 30.0  # seconds; no test waits for it
SHORT = 0.05
UID = "d1cb3f57-a7a5-47ca-9def-6c3ba929c3a5"
POD_ID, MAIN_ID = "a" * 64, "b" * 64
CONTAINERD = CriVersion(name="containerd", version="1.6.20~ds1")
SERVICE = "/runtime.v1.RuntimeService/"
IMAGES = "/runtime.v1.ImageService/"
OVERLAYFS = "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs"

# Answers encoded with the descriptors that containerd 1.6.20 carries in its own binary, all fields
# filled, also those that our .proto leaves out.
ENCODED = {
    "ListPodSandbox": (
        "3c3OcKw)8FVPRomVPRomVPRomVPRomVPRomVPRomVPRomVPRomVPRomVPRomVPRomVPRomVPRomVPRomVPRo"
        "mVG=kB1#fR{EnyNQWHDo6GiEh6EnzodH7ztZV__{hWMyV8He)klVL386V>4kj8V6)$W?^+~bRYp30U*`>$<+"
        "JImh~7aCJGyAZ!T+fVr6n}Wprh8E^u#TE^c9MWpi+0V`UNtWMyVyb!>Dh9|{&}Z!T+fVr6n}Wprh8E^u#TE^"
        "c9MWfBE%Z*47MDm@AnX>TrTbz)_5Ze?_3b1raiWG;1SWD+D~F=JvgW;Hi0VK-"
        "qlEi^Y{VJ$giWo9ilV>4o5IWjq8GhsC{A_^O8bz)_5Ze?_3b1rFbFJo_RW@%?Gb8mHWV`UNpVQ^_W1aft5V*"
    ),
    "ListContainers": (
        "3X}s1Kw@HIVq#)qVq#)qVq#)qVq#)qVq#)qVq#)qVq#)qVq#)qVq#)qVq#)qVq#)qVq#)qVq#)qVq#)qVq#)"
        "qViG`MVPRomVPRomVPRomVPRomVPRomVPRomVPRomVPRomVPRomVPRomVPRomVPRomVPRomVPRomVPRomVPR"
        "n!2nqykVQFp<0wNL$5Nu&$E^KdOVQepVZ*proF)9mlXkjunHaa(BG&3*(IMx2i)ceeq^%z1V3LI%~E^BpSWp"
        "Zw1bY*icV{dMBVQFq<axQLRZDkS!ZDDC{LM93uX>TrTbz)_5Ze?_3b1raiWG-"
        "%DZDn(CVPj<y2V`YtVRdYDLLUkiX>TrTbz)_5Ze?_3b1raiWG-"
        "%DZDkS#Z*OfaVM09$6=`oSYjt8}a&BdGWpgfYZ)7fYX=D;4WHDo6GiEh6EnzodH7ztZV__{hWMyV8He)klVL"
        "386V>4kjN+}8?X>TrTbz)_5Ze?_3b1q|VZggR3Ze?;Va%FRLVRCdsZ*^{T5&<#"
    ),
    "ContainerStatus": (
        "3f%$<Kw@HIVq#)qVq#)qVq#)qVq#)qVq#)qVq#)qVq#)qVq#)qVq#)qVq#)qVq#)qVq#)qVq#)qVq#)qVq#)"
        "qViE`n1Z`nyZV&<(0wC4?$<+JImh~7Y>+0~GfX$Zm7%>0Mr`Ukamh~7oi2*_q3J`2zVlHfNV_|GBcW-iQIx$"
        "KMb7)~QH8wgoV>B~T2~ST=OKEIuWn@|bZDJ-"
        "08)<JYYjt8}a&BdGWpgfYZ)7fRVQpn|aA9L*5(i{uW?^+~bYdS07HMxTYjt8}a&BdGWpgfYZ)7fRVQpm+1#f"
        "R{En#9k3KeN@E^BpSWpZw1bY*icaBpNTb!lW0BxEsTVl!qnH!Wc|VKpr@H)CNfIb>yKEjD8_VqrNlIb$<nHE"
        "IS50eBJtd2$vC3NK}JV=riLb98eO1}}DDaxZu&0eTfLc42ZaY;R{TaBpODFL*C7E^KdS5(WwZYZ3u="
    ),
    "Version": ("3I#AOF)lC?3S)0>bYW?3WpZR13NbD=E;2BFWOFeh0(LO"),
}


class FakeRuntime(grpc.GenericRpcHandler):
    """A server below the stubs: bytes by method path, so that paths and field numbers are tested.

    `answers` maps a method to bytes or to (code, details); while `hold` is not set nothing answers.
    """

    def __init__(self) -> None:
        self.answers: dict[str, bytes | tuple[grpc.StatusCode, str]] = {
            method: base64.b85decode(text) for method, text in ENCODED.items()
        }
        self.requests: list[tuple[str, bytes]] = []
        self.hold = asyncio.Event()
        self.hold.set()
        self.asked = asyncio.Event()

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        method = handler_call_details.method
        if not method.startswith((SERVICE, IMAGES)):
            return None

        async def answer(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
            self.requests.append((method, request))
            self.asked.set()
            await self.hold.wait()
            found = self.answers[method.removeprefix(SERVICE).removeprefix(IMAGES)]
            if isinstance(found, tuple):
                await context.abort(*found)
            return found

        return grpc.unary_unary_rpc_method_handler(answer)


@pytest_asyncio.fixture
async def runtime(socket_path: Path) -> AsyncIterator[FakeRuntime]:
    fake = FakeRuntime()
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((fake,))
    server.add_insecure_port(f"unix:{socket_path}")
    await server.start()
    yield fake
    fake.hold.set()
    await server.stop(None)


@pytest.fixture
def socket_path(tmp_path: Path) -> Path:
    return tmp_path / "cri.sock"


@pytest_asyncio.fixture
async def client(socket_path: Path) -> AsyncIterator[CriClient]:
    client = CriClient(socket_path, LONG)
    yield client
    await client.close()


async def absent(question: Awaitable[object]) -> tuple[Absence, str]:
    with pytest.raises(SourceAbsent) as caught:
        await question
    return caught.value.absent.absence, caught.value.absent.detail


async def test_version(runtime: FakeRuntime, client: CriClient) -> None:
    """Name and version, and nothing is asked that we do not need."""
    assert await client.version() == CONTAINERD
    assert runtime.requests == [(SERVICE + "Version", b"")]


async def test_sandboxes(runtime: FakeRuntime, client: CriClient) -> None:
    """The pod's own metadata are its names."""
    assert await client.list_sandboxes() == (
        CriSandbox(id=POD_ID, namespace="default", pod="oom-a", pod_uid=UID, ready=False),
    )


async def test_containers(runtime: FakeRuntime, client: CriClient) -> None:
    """The container's metadata and the kubelet's labels."""
    assert await client.list_containers() == (
        CriContainer(
            id=MAIN_ID,
            sandbox_id=POD_ID,
            name="main",
            namespace="default",
            pod="oom-a",
            pod_uid=UID,
            state="RUNNING",
            attempt=2,
        ),
    )


async def test_attempts(runtime: FakeRuntime, client: CriClient) -> None:
    """Two attempts of one container, in whatever order the runtime lists them."""
    runtime.answers["ListContainers"] = pb.ListContainersResponse(
        containers=[
            pb.Container(id=letter * 64, metadata=pb.ContainerMetadata(name="main", attempt=number))
            for letter, number in (("b", 1), ("a", 0))
        ]
    ).SerializeToString()
    listed = await client.list_containers()
    assert [(each.id[0], each.name, each.attempt) for each in listed] == [
        ("b", "main", 1),
        ("a", "main", 0),
    ]


async def test_nothing_is_there(runtime: FakeRuntime, client: CriClient) -> None:
    """An empty message is an empty list."""
    runtime.answers |= {"ListPodSandbox": b"", "ListContainers": b""}
    assert await client.list_sandboxes() == ()
    assert await client.list_containers() == ()


async def test_zero_values(runtime: FakeRuntime, client: CriClient) -> None:
    """Zero is not on the wire: CREATED and READY; what nobody labelled has no names."""
    runtime.answers["ListContainers"] = pb.ListContainersResponse(
        containers=[pb.Container(id=MAIN_ID)]
    ).SerializeToString()
    runtime.answers["ListPodSandbox"] = pb.ListPodSandboxResponse(
        items=[pb.PodSandbox(id=POD_ID, labels={"io.kubernetes.pod.name": "by-label"})]
    ).SerializeToString()
    assert await client.list_containers() == (
        CriContainer(
            id=MAIN_ID, sandbox_id="", name="", namespace="", pod="", pod_uid="", state="CREATED"
        ),
    )
    assert await client.list_sandboxes() == (
        CriSandbox(id=POD_ID, namespace="", pod="by-label", pod_uid="", ready=True),
    )


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([("RuntimeReady", False, "", ""), ("NetworkReady", True, "", "")], (True, "")),
        ([("NetworkReady", False, "NetworkPluginNotReady", "why")], (False, "why")),
        ([("NetworkReady", False, "NetworkPluginNotReady", "")], (False, "NetworkPluginNotReady")),
    ],
)
async def test_network(
    runtime: FakeRuntime,
    client: CriClient,
    conditions: list[tuple[str, bool, str, str]],
    expected: tuple[bool, str],
) -> None:
    """Its condition NetworkReady, with its own words."""
    said = [pb.RuntimeCondition(type=t, status=s, reason=r, message=m) for t, s, r, m in conditions]
    answer = pb.StatusResponse(status=pb.RuntimeStatus(conditions=said))
    runtime.answers["Status"] = answer.SerializeToString()
    ready, message = expected
    assert await client.network() == CriNetwork(ready=ready, message=message)


async def test_where_the_plugins_are(runtime: FakeRuntime, client: CriClient) -> None:
    """Asked for in the same question."""
    ready = pb.RuntimeCondition(type="NetworkReady", status=True)
    config = '{"cni": {"binDir": "/home/kubernetes/bin", "confDir": "/etc/cni/net.d"}}'
    answer = pb.StatusResponse(
        status=pb.RuntimeStatus(conditions=[ready]), info={"golang": "x", "config": config}
    )
    runtime.answers["Status"] = answer.SerializeToString()
    places = CNIPlaces(conf_dir="/etc/cni/net.d", bin_dirs=("/home/kubernetes/bin",))
    assert await client.network() == CriNetwork(ready=True, message="", places=places)
    ((_, request),) = runtime.requests
    assert pb.StatusRequest.FromString(request).verbose


async def test_a_runtime_without_network(runtime: FakeRuntime, client: CriClient) -> None:
    runtime.answers["Status"] = b""
    with pytest.raises(SourceAbsent, match="NetworkReady"):
        await client.network()


async def test_container_status(runtime: FakeRuntime, client: CriClient) -> None:
    """The whole answer of containerd after an OOM kill; asked by id, without the verbose part."""
    assert await client.container_status(MAIN_ID) == CriContainerStatus(
        state="EXITED",
        reason="OOMKilled",
        exit_code=137,
        started_at_ns=1795346804246328683,
        finished_at_ns=1795346804368860927,
        attempt=2,
    )
    assert runtime.requests == [(SERVICE + "ContainerStatus", b"\x0a\x40" + MAIN_ID.encode())]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (pb.ContainerStatus(), ("CREATED", "", None, None, None)),
        (
            pb.ContainerStatus(state=pb.CONTAINER_RUNNING, started_at=5, reason="OOMKilled"),
            ("RUNNING", "OOMKilled", None, 5, None),
        ),
        (
            pb.ContainerStatus(state=pb.CONTAINER_EXITED, started_at=5, finished_at=6),
            ("EXITED", "", 0, 5, 6),
        ),
        (pb.ContainerStatus(state=pb.CONTAINER_UNKNOWN), ("UNKNOWN", "", None, None, None)),
        (pb.ContainerStatus(state=9), ("state 9", "", None, None, None)),  # type: ignore[arg-type]
    ],
    ids=["created", "running", "exited-0", "unknown", "of-the-future"],
)
async def test_container_states(
    runtime: FakeRuntime,
    client: CriClient,
    status: pb.ContainerStatus,
    expected: tuple[str, str, int | None, int | None, int | None],
) -> None:
    """An exit code exists after an exit only, where 0 is one; times of 0 are no times."""
    answer = pb.ContainerStatusResponse(status=status)
    runtime.answers["ContainerStatus"] = answer.SerializeToString()
    found = await client.container_status(MAIN_ID)
    assert found is not None
    told = (found.state, found.reason, found.exit_code, found.started_at_ns, found.finished_at_ns)
    assert told == expected


async def test_unknown_container(runtime: FakeRuntime, client: CriClient) -> None:
    """NOT_FOUND is an answer, not a failure."""
    words = f'an error occurred when try to find container "{MAIN_ID}": not found'
    runtime.answers["ContainerStatus"] = (grpc.StatusCode.NOT_FOUND, words)
    assert await client.container_status(MAIN_ID) is None


@pytest.mark.parametrize(
    ("code", "details", "expected"),
    [
        (
            grpc.StatusCode.UNIMPLEMENTED,
            "unknown service runtime.v1.RuntimeService",
            (Absence.UNSUPPORTED, "does not serve CRI v1 (unknown service runtime.v1.Run"),
        ),
        (
            grpc.StatusCode.UNKNOWN,
            "server is not initialized yet",
            (Absence.FAILED, "answers UNKNOWN: server is not initialized yet"),
        ),
        (
            grpc.StatusCode.UNAVAILABLE,  # from the runtime itself: the socket is there
            "shutting down",
            (Absence.FAILED, "cri.sock: shutting down"),
        ),
    ],
)
@pytest.mark.parametrize(
    "ask", [CriClient.version, CriClient.list_containers, CriClient.list_sandboxes]
)
async def test_errors_of_the_runtime(
    runtime: FakeRuntime,
    client: CriClient,
    ask: Callable[[CriClient], Awaitable[object]],
    code: grpc.StatusCode,
    details: str,
    expected: tuple[Absence, str],
) -> None:
    """Whatever the code, it becomes an absence with the runtime's words."""
    runtime.answers = dict.fromkeys(ENCODED, (code, details))
    absence, detail = await absent(ask(client))
    assert absence is expected[0]
    assert expected[1] in detail


async def test_rubbish_is_a_failure(
    runtime: FakeRuntime, client: CriClient, socket_path: Path
) -> None:
    """Bytes that are no message."""
    runtime.answers["Version"] = b"\xff\xff\xff"
    assert await absent(client.version()) == (
        Absence.FAILED,
        f"{socket_path} answers what is no message of CRI v1",
    )


async def test_no_socket(client: CriClient, socket_path: Path) -> None:
    """The words say what to do."""
    assert await absent(client.version()) == (
        Absence.VANISHED,
        f"no socket at {socket_path}: is containerd running, or set sources.cri_socket",
    )


async def test_refused(client: CriClient, socket_path: Path) -> None:
    """A socket that nobody listens on: what a dead containerd leaves behind."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(socket_path))
    assert await absent(client.list_containers()) == (
        Absence.FAILED,
        f"{socket_path} refuses connections: containerd is not running",
    )


async def test_not_a_stream_socket(client: CriClient, socket_path: Path) -> None:
    """Any other errno of connect(2) gets its own name."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(str(socket_path))
        expected = f"{socket_path}: {os.strerror(errno.EPROTOTYPE)}"
        assert await absent(client.version()) == (Absence.FAILED, expected)


async def test_path_too_long_for_an_address(tmp_path: Path) -> None:
    """sun_path holds 107 bytes; a longer path is an absence, not a crash."""
    client = CriClient(tmp_path / ("x" * 120), LONG)
    absence, _ = await absent(client.version())
    await client.close()
    assert absence is Absence.FAILED


async def test_stalled(socket_path: Path) -> None:
    """A stopped containerd: the kernel accepts the connection, and nobody answers."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(socket_path))
        listener.listen(8)
        client = CriClient(socket_path, SHORT)
        said = [await absent(client.version()) for _ in range(2)]
        await client.close()
    words = f"{socket_path} accepts connections and does not answer within 0.05 s"
    assert said == [(Absence.FAILED, words)] * 2


async def test_stalled_with_a_full_backlog(socket_path: Path) -> None:
    """Stopped for so long that the kernel accepts nothing any more."""
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
        listener.bind(str(socket_path))
        listener.listen(0)
        first.connect(str(socket_path))
        client = CriClient(socket_path, SHORT)
        absence, detail = await absent(client.version())
        await client.close()
    assert absence is Absence.FAILED
    assert re.search("full backlog", detail)


async def test_stalls_while_it_is_connected(runtime: FakeRuntime, socket_path: Path) -> None:
    """The same words on a connection that worked; and it works again when the runtime goes on."""
    client = CriClient(socket_path, SHORT)
    runtime.hold.clear()
    assert "does not answer within 0.05 s" in (await absent(client.version()))[1]
    runtime.hold.set()
    patient = CriClient(socket_path, LONG)
    assert await patient.version() == CONTAINERD
    assert len(await client.list_containers()) == 1
    await client.close()
    await patient.close()


async def test_cancellation_goes_through(runtime: FakeRuntime, client: CriClient) -> None:
    """A cancelled caller is cancelled, and is not told that the runtime is broken."""
    runtime.hold.clear()
    task = asyncio.create_task(client.version())
    await runtime.asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    runtime.hold.set()
    assert await client.version() == CONTAINERD


async def test_close_and_go_on(runtime: FakeRuntime, client: CriClient) -> None:
    """A closed client connects again when it is asked again; closing twice is nothing."""
    assert await client.version() == CONTAINERD
    await client.close()
    await client.close()
    assert await client.version() == CONTAINERD


def _field(number: int, content: bytes) -> bytes:
    """A field of protobuf that holds bytes, fewer than 128."""
    return bytes([number << 3 | 2, len(content)]) + content


async def test_image_directory(runtime: FakeRuntime, socket_path: Path) -> None:
    """The first of the image file systems, as the kubelet takes it; none is empty."""
    client = CriClient(socket_path, LONG)
    usage = b"\x08\x01" + _field(2, _field(1, OVERLAYFS.encode())) + _field(3, b"\x08\x07")
    runtime.answers["ImageFsInfo"] = _field(1, usage) + _field(1, _field(2, _field(1, b"/b")))
    assert await client.image_directory() == OVERLAYFS
    assert runtime.requests[-1] == (IMAGES + "ImageFsInfo", b"")
    runtime.answers["ImageFsInfo"] = b""
    assert await client.image_directory() == ""
    await client.close()
