"""containerd's side of the story: a client of the Container Runtime Interface on its unix socket.

What it is for: names of pods and containers, and what the runtime says of a container's end. What
it is not for: any decision that must also be right when containerd is down (DESIGN.md, rule 9).

A containerd that is stopped, or whose disk hangs, still has a socket that accepts connections: the
kernel does that, up to the backlog (`net.core.somaxconn`). It answers nothing, and only a deadline
tells. Measured with SIGSTOP: DEADLINE_EXCEEDED on old and new connections alike.
"""

from __future__ import annotations

import errno
import socket
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import grpc
import grpc.aio
from msgspec import Struct

from agent.api.cri.v1 import runtime_pb2 as pb
from agent.api.cri.v1.runtime_pb2_grpc import ImageServiceStub, RuntimeServiceStub
from agent.host.absence import SourceAbsent
from agent.host.runtime_socket import RuntimeSocket
from agent.model.absence import Absence
from agent.model.cni import CNIPlaces
from agent.parse.cri_config import parse_cni_places

if TYPE_CHECKING:
    from agent.api.cri.v1.runtime_pb2_grpc import ImageServiceAsyncStub, RuntimeServiceAsyncStub

Request = TypeVar("Request")
Response = TypeVar("Response")

POD_NAME = "io.kubernetes.pod.name"
POD_NAMESPACE = "io.kubernetes.pod.namespace"
POD_UID = "io.kubernetes.pod.uid"
NETWORK_READY = "NetworkReady"
CONTAINER_NAME = "io.kubernetes.container.name"

_OPTIONS = (
    # 1,000 containers with their labels and annotations are 2 MiB; grpc's own limit is 4.
    ("grpc.max_receive_message_length", 16 << 20),
    # A retry would only add to the queue of a runtime that is already late.
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
    # A runtime that restarts is found again within a second.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # How long one connection may wait for the first answer. A stopped runtime answers on it when it
    # goes on; giving up early would only fill its backlog with connections that nobody wants.
    ("grpc.min_reconnect_backoff_ms", 300_000),
    ("grpc.use_local_subchannel_pool", 1),
)


class CriVersion(Struct, frozen=True, kw_only=True):
    name: str  # "containerd"
    version: str  # "1.6.20~ds1"


class CriSandbox(Struct, frozen=True, kw_only=True):
    """One pod sandbox. Empty strings: the runtime does not say."""

    id: str
    namespace: str
    pod: str
    pod_uid: str
    ready: bool


class CriContainer(Struct, frozen=True, kw_only=True):
    """One container. The pod's names are the kubelet's labels: empty if others made it."""

    id: str
    sandbox_id: str
    name: str
    namespace: str
    pod: str
    pod_uid: str
    state: str  # "CREATED", "RUNNING", "EXITED", "UNKNOWN"
    attempt: int = 0  # the kubelet's count of restarts of this container


class CriContainerStatus(Struct, frozen=True, kw_only=True):
    """What the runtime says of one container. It may say "OOMKilled" of one that still runs."""

    state: str  # as CriContainer.state
    reason: str  # "OOMKilled", "Error", "Completed", ...; empty: nothing to say
    exit_code: int | None  # None unless EXITED
    started_at_ns: int | None  # since the epoch
    finished_at_ns: int | None
    attempt: int | None = None  # the kubelet's count of restarts of this container


class CriNetwork(Struct, frozen=True, kw_only=True):
    """What the runtime says of the network that pods get."""

    ready: bool
    message: str  # why it is not, or else a reason
    places: CNIPlaces = CNIPlaces()


class CriClient:
    """A client of one runtime. Every call is one question with one deadline, and is never repeated.

    All methods raise SourceAbsent: VANISHED (no socket), DENIED, UNSUPPORTED (no CRI v1 there), or
    FAILED (refused, no answer within `timeout_seconds`, or the runtime's own error). The channel
    belongs to the loop of the first call and is kept until `close`.
    """

    def __init__(self, where: Path | RuntimeSocket, timeout_seconds: float = 1.0) -> None:
        self._socket = RuntimeSocket(where, ()) if isinstance(where, Path) else where
        self._path = self._socket.configured
        self._timeout_seconds = timeout_seconds
        self._channel: grpc.aio.Channel | None = None
        self._dropped: list[grpc.aio.Channel] = []  # to a path that it is not at any more

    async def version(self) -> CriVersion:
        """Name and version of the runtime: the cheapest question, and the proof that it answers."""
        answer = await self._ask(self._stub().Version, pb.VersionRequest())
        return CriVersion(name=answer.runtime_name, version=answer.runtime_version)

    async def list_sandboxes(self) -> tuple[CriSandbox, ...]:
        """All pod sandboxes, the stopped ones included until the kubelet removes them."""
        answer = await self._ask(self._stub().ListPodSandbox, pb.ListPodSandboxRequest())
        return tuple(
            CriSandbox(
                id=item.id,
                namespace=item.metadata.namespace or item.labels.get(POD_NAMESPACE, ""),
                pod=item.metadata.name or item.labels.get(POD_NAME, ""),
                pod_uid=item.metadata.uid or item.labels.get(POD_UID, ""),
                ready=item.state == pb.SANDBOX_READY,
            )
            for item in answer.items
        )

    async def list_containers(self) -> tuple[CriContainer, ...]:
        """All containers, the exited ones included until the kubelet removes them; no sandboxes."""
        answer = await self._ask(self._stub().ListContainers, pb.ListContainersRequest())
        return tuple(_container(item) for item in answer.containers)

    async def container_status(self, container_id: str) -> CriContainerStatus | None:
        """What the runtime says of one container; None if it does not know the id."""
        request = pb.ContainerStatusRequest(container_id=container_id)
        try:
            answer = await self._ask(self._stub().ContainerStatus, request)
        except SourceAbsent as absent:
            if _code_behind(absent) is grpc.StatusCode.NOT_FOUND:
                return None
            raise
        status = answer.status
        return CriContainerStatus(
            state=_state(status.state),
            reason=status.reason,
            exit_code=status.exit_code if status.state == pb.CONTAINER_EXITED else None,
            started_at_ns=status.started_at or None,
            finished_at_ns=status.finished_at or None,
            attempt=status.metadata.attempt if status.HasField("metadata") else None,
        )

    async def image_directory(self) -> str:
        """A directory on the file system that holds the images; empty: the runtime names none."""
        stub: ImageServiceAsyncStub = ImageServiceStub(self._open_channel())
        answer = await self._ask(stub.ImageFsInfo, pb.ImageFsInfoRequest())
        return next((found.fs_id.mountpoint for found in answer.image_filesystems), "")

    async def conditions(self) -> dict[str, tuple[bool, str]]:
        """RuntimeReady and NetworkReady as Status has them, with a message, or else a reason."""
        return _conditions(await self._ask(self._stub().Status, pb.StatusRequest()))

    async def network(self) -> CriNetwork:
        """Whether the runtime calls its network ready, and where it looks for what makes it."""
        answer = await self._ask(self._stub().Status, pb.StatusRequest(verbose=True))
        said = _conditions(answer).get(NETWORK_READY)
        if said is None:
            raise SourceAbsent(Absence.UNSUPPORTED, f"{self._path} does not tell {NETWORK_READY}")
        ready, message = said
        places = parse_cni_places(answer.info.get("config", ""))
        return CriNetwork(ready=ready, message=message, places=places)

    async def close(self) -> None:
        """Close the connection. A later call opens a new one."""
        channels, self._channel, self._dropped = [*self._dropped, self._channel], None, []
        for channel in channels:
            if channel is not None:
                await channel.close()

    def _stub(self) -> RuntimeServiceAsyncStub:
        return RuntimeServiceStub(self._open_channel())

    def _open_channel(self) -> grpc.aio.Channel:
        path = self._socket.path
        if path != self._path and self._channel is not None:
            self._dropped.append(self._channel)
            self._channel = None
        self._path = path
        if self._channel is None:
            self._channel = grpc.aio.insecure_channel(f"unix:{self._path}", options=_OPTIONS)
        return self._channel

    async def _ask(
        self, method: grpc.aio.UnaryUnaryMultiCallable[Request, Response], request: Request
    ) -> Response:
        try:
            answer: Response | None = await method(request, timeout=self._timeout_seconds)
        except grpc.aio.AioRpcError as error:
            raise self._absent(error) from error
        if answer is None:  # what grpc.aio makes of bytes that it cannot decode
            raise SourceAbsent(Absence.FAILED, f"{self._path} answers what is no message of CRI v1")
        return answer

    def _absent(self, error: grpc.aio.AioRpcError) -> SourceAbsent:
        """The error in words for people."""
        path, details = self._path, error.details() or "no details"
        match error.code():
            case grpc.StatusCode.DEADLINE_EXCEEDED:
                return SourceAbsent(
                    Absence.FAILED,
                    f"{path} accepts connections and does not answer"
                    f" within {self._timeout_seconds:g} s",
                )
            case grpc.StatusCode.UNIMPLEMENTED:
                return SourceAbsent(
                    Absence.UNSUPPORTED,
                    f"{path} does not serve CRI v1 ({details}): is the cri plugin switched off,"
                    " or containerd older than 1.6",
                )
            case grpc.StatusCode.UNAVAILABLE:
                return self._unreachable(_connect_errno(path), details)
            case code:
                return SourceAbsent(Absence.FAILED, f"{path} answers {code.name}: {details}")

    def _unreachable(self, connect_errno: int, details: str) -> SourceAbsent:
        path = self._path
        match connect_errno:
            case errno.ENOENT | errno.ENOTDIR:
                return SourceAbsent(
                    Absence.VANISHED,
                    f"no socket at {path}: is containerd running, or set sources.cri_socket",
                )
            case errno.ECONNREFUSED:
                return SourceAbsent(
                    Absence.FAILED, f"{path} refuses connections: containerd is not running"
                )
            case errno.EAGAIN:
                return SourceAbsent(
                    Absence.FAILED,
                    f"{path} has a full backlog: containerd accepts no connections any more",
                )
            case 0:  # it was unreachable a moment ago
                return SourceAbsent(Absence.FAILED, f"{path}: {details}")
            case number:
                return SourceAbsent.of(OSError(number, ""), path)


def _conditions(answer: pb.StatusResponse) -> dict[str, tuple[bool, str]]:
    return {
        condition.type: (condition.status, condition.message or condition.reason)
        for condition in answer.status.conditions
    }


def _code_behind(absent: SourceAbsent) -> grpc.StatusCode | None:
    cause = absent.__cause__
    return cause.code() if isinstance(cause, grpc.aio.AioRpcError) else None


def _connect_errno(path: Path) -> int:
    """Why a connection fails; 0: it does not. grpc tells by a text that differs by version.

    A non-blocking connect(2) of a unix socket ends at once in all cases.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
        try:
            return probe.connect_ex(str(path))
        except OSError:  # the path is too long for an address
            return errno.ENAMETOOLONG


def _container(item: pb.Container) -> CriContainer:
    return CriContainer(
        id=item.id,
        sandbox_id=item.pod_sandbox_id,
        name=item.metadata.name or item.labels.get(CONTAINER_NAME, ""),
        namespace=item.labels.get(POD_NAMESPACE, ""),
        pod=item.labels.get(POD_NAME, ""),
        pod_uid=item.labels.get(POD_UID, ""),
        state=_state(item.state),
        attempt=item.metadata.attempt,
    )


def _state(number: int) -> str:
    """The word without its prefix. Enums of proto3 are open: a newer runtime may send others."""
    known = pb.ContainerState.DESCRIPTOR.values_by_number.get(number)
    return known.name.removeprefix("CONTAINER_") if known is not None else f"state {number}"
