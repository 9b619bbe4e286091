"""GET of this node's Node object and of its lease, from the API server

    GET /api/v1/nodes/NAME
    GET /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/NAME

Everything here may hang, and the files may lie on a disk that does: call it in a worker with a
deadline, never on the event loop. With resourceVersion=0 the answer comes from the API server's
memory, not from etcd. The token is read anew each time: the kubelet replaces it within the hour.

https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

from msgspec import Struct

from agent.host.absence import SourceAbsent
from agent.host.files import read_file
from agent.model.absence import Absence, ParseError
from agent.model.kubelet import NodeLease, NodeObject
from agent.parse.node_object import parse_lease, parse_node, parse_refusal

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_BYTES = 4 << 20
"""Of an answer. A Node lists its images: some 100 KiB."""

NODE = "/api/v1/nodes/{}"
LEASE = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{}"
_CACHED = "?resourceVersion=0"
_TOKEN_BYTES = 1 << 16
_GRANT = (
    "apply deploy/daemonset/components/node-read, or bind who asks to a ClusterRole with"
    " `get` on nodes"
)


class Door(Struct, frozen=True, kw_only=True):
    """How the API server is reached, and who we are to it."""

    host: str
    port: int
    server_name: str  # that its certificate must have
    ca: Path
    token: Path
    client_certificate: Path | None  # in place of the token
    timeout_seconds: float

    @property
    def address(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def in_cluster(environment: Mapping[str, str]) -> tuple[str, int]:
    """Where the API server is, as every pod is told. Raises SourceAbsent."""
    host = environment.get("KUBERNETES_SERVICE_HOST", "")
    port = environment.get("KUBERNETES_SERVICE_PORT", "")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise SourceAbsent(
            Absence.FAILED,
            "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set, as they are in a pod:"
            " set api_server.endpoint",
        )
    return host, int(port)


class NodeReader:
    """Asks for the objects of one node, over a new connection each time."""

    def __init__(self, door: Door, node: str) -> None:
        self.door = door
        self._node = quote(node, safe="")

    def read(self) -> tuple[NodeObject, NodeLease | None, str]:
        """The node, its lease, and why there is none.

        Raises SourceAbsent, with what to do: DENIED if we may not, VANISHED if there is no such
        node, FAILED if nobody answers, or nothing that can be believed.
        """
        with _readable(f"api_server.ca {self.door.ca}"):
            context = ssl.create_default_context(cafile=str(self.door.ca))
        headers = {"Accept": "application/json", "User-Agent": "nodewitness"}
        if self.door.client_certificate is not None:
            with _readable(f"api_server.client_certificate {self.door.client_certificate}"):
                context.load_cert_chain(str(self.door.client_certificate))
        else:
            headers["Authorization"] = f"Bearer {self._token()}"
        deadline = time.monotonic() + self.door.timeout_seconds
        try:
            with contextlib.closing(_Connection(self.door, context, deadline)) as connection:
                status, data = _get(connection, NODE.format(self._node), headers)
                if status != http.client.OK:
                    raise self._refused(status, data)
                node = parse_node(data)
                lease, problem = self._lease(connection, headers)
        except ParseError as error:
            raise SourceAbsent(
                Absence.FAILED, f"the API server at {self.door.address} answers nonsense: {error}"
            ) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            # ValueError, UnicodeError among them: an address or a name that none can have.
            raise SourceAbsent(
                Absence.FAILED, f"the API server at {self.door.address}: {_words(error)}"
            ) from error
        return node, lease, problem

    def _lease(
        self, connection: http.client.HTTPSConnection, headers: Mapping[str, str]
    ) -> tuple[NodeLease | None, str]:
        """Beside the node it is one thing less that is known if it cannot be read."""
        try:
            status, data = _get(connection, LEASE.format(self._node), headers)
            if status == http.client.OK:
                return parse_lease(data), ""
        except (OSError, http.client.HTTPException) as error:
            return None, _words(error)
        except ParseError as error:
            return None, str(error)
        return None, f"{status}: {parse_refusal(data)}"

    def _token(self) -> str:
        token = read_file(self.door.token, limit=_TOKEN_BYTES).strip().decode("ascii", "replace")
        if not token or not token.isprintable() or not token.isascii():
            raise SourceAbsent(Absence.FAILED, f"api_server.token {self.door.token} has no token")
        return token

    def _refused(self, status: int, data: bytes) -> SourceAbsent:
        said = f"the API server at {self.door.address} answers {status}: {parse_refusal(data)}"
        match status:
            case http.client.UNAUTHORIZED:
                who = self.door.client_certificate or self.door.token
                return SourceAbsent(Absence.DENIED, f"{said}; is {who} of this cluster?")
            case http.client.FORBIDDEN:
                return SourceAbsent(Absence.DENIED, f"{said}; {_GRANT}")
            case http.client.NOT_FOUND:
                return SourceAbsent(
                    Absence.FAILED, f"{said}; set node.name to the name that Kubernetes has for it"
                )
            case _:
                return SourceAbsent(Absence.FAILED, said)


class _TimedSocket(ssl.SSLSocket):
    """A timeout is one read's; this is for all of them: who sends a byte now and then, in a header
    or in what follows, gets no further by it.
    """

    deadline: float

    def recv_into(self, buffer: WriteableBuffer, nbytes: int | None = None, flags: int = 0) -> int:
        self.settimeout(_left(self.deadline))
        return super().recv_into(buffer, nbytes, flags)


class _Connection(http.client.HTTPSConnection):
    """To an address, whatever name the certificate there has, until the deadline (monotonic)."""

    def __init__(self, door: Door, context: ssl.SSLContext, deadline: float) -> None:
        super().__init__(door.host, door.port, context=context)
        context.sslsocket_class = _TimedSocket
        self._door, self._tls, self._deadline = door, context, deadline

    def connect(self) -> None:
        to = self._door.host, self._door.port
        # ssl does it after it has taken the socket, which it leaves open if that fails.
        name = self._door.server_name.encode("idna").decode("ascii")
        plain = socket.create_connection(to, _left(self._deadline))
        try:
            plain.settimeout(_left(self._deadline))
            made = self._tls.wrap_socket(plain, server_hostname=name)
        except BaseException:
            plain.close()
            raise
        cast(_TimedSocket, made).deadline = self._deadline
        self.sock = made


def _left(deadline: float) -> float:
    """Seconds. Raises TimeoutError."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("its answer has not ended by the deadline")
    return left


def _get(
    connection: http.client.HTTPSConnection, path: str, headers: Mapping[str, str]
) -> tuple[int, bytes]:
    """Status and body. Raises OSError, and TimeoutError for one that trickles."""
    connection.request("GET", path + _CACHED, headers=dict(headers))
    response = connection.getresponse()
    parts, size = [], 0
    while part := response.read1(65536):
        parts.append(part)
        size += len(part)
        if size > MAX_BYTES:
            raise http.client.HTTPException(f"more than {MAX_BYTES} bytes")
    response.close()  # read1 does not notice the end, and the next request would be refused
    return response.status, b"".join(parts)


@contextlib.contextmanager
def _readable(what: str) -> Iterator[None]:
    """A file of PEM that is not there, or is none."""
    try:
        yield
    except ssl.SSLError as error:
        raise SourceAbsent(Absence.FAILED, f"{what} cannot be used: {error}") from error
    except OSError as error:
        raise SourceAbsent(Absence.FAILED, f"{what}: {error.strerror or error}") from error


def _words(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not taken: {error.verify_message}; see api_server.ca"
    if isinstance(error, ConnectionRefusedError):
        return "connections are refused: nobody listens"
    if isinstance(error, TimeoutError):
        return "no answer within api_server.deadline"
    words = getattr(error, "strerror", None) or str(error)
    return words or type(error).__name__
