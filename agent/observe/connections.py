"""Samples the TCP connections of some processes, from sock_diag.

The kernel leaves out what is of no interest: other states, other ports, and sockets that were made
in another cgroup. Where it cannot tell the cgroup, or the process has left the one in which it made
its sockets, they are known by its descriptors.

Nothing here is for the event loop. A namespace is entered for one question at most, and not kept.
"""

from __future__ import annotations

from collections.abc import Iterable

from agent.host.absence import SourceAbsent
from agent.host.callers import CallerFinder
from agent.host.cgroup_fs import CgroupFs
from agent.host.inet_diag import dump_tcp
from agent.host.inet_filter import Op, bytecode, in_cgroup, not_from_ports, to_ports
from agent.host.namespaces import Namespaces
from agent.host.netlink import NETLINK_SOCK_DIAG, Netlink
from agent.model.absence import Absence
from agent.model.cgroup import CgroupMode
from agent.model.heartbeat import Caller, Connection, Role
from agent.parse.inet_diag import TCP_ESTABLISHED, TCP_SYN_SENT, TcpSocket

STATES = (TCP_ESTABLISHED, TCP_SYN_SENT)


class ConnectionSight:
    """Looks at the connections of one process after the other."""

    def __init__(
        self,
        finder: CallerFinder,
        namespaces: Namespaces,
        fs: CgroupFs,
        own_pid: int,
        api_ports: Iterable[int],
    ) -> None:
        self._finder = finder
        self._namespaces = namespaces
        self._fs = fs
        self._own_pid = own_pid
        ports = tuple(api_ports)
        self._wanted = {Role.KUBELET: to_ports(ports), Role.API_SERVER: not_from_ports(ports)}

    def find(self) -> list[Caller]:
        """The processes. Raises SourceAbsent."""
        return self._finder.find()

    def look(self, caller: Caller) -> tuple[Connection, ...]:
        """Its connections: of the kubelet those to the API server's ports, of the API server those
        that it has made itself. Raises SourceAbsent, ParseError.
        """
        found = self.sockets(caller.pid, caller.cgroup, self._wanted[caller.role])
        return tuple(map(connection, found))

    def sockets(
        self, pid: int, cgroup: str, *wanted: tuple[Op, ...], states: Iterable[int] = STATES
    ) -> tuple[TcpSocket, ...]:
        """Those of a process. Raises SourceAbsent, ParseError."""
        inode = self._cgroup(cgroup)
        if inode is not None:
            try:
                found = self._dump(pid, states, in_cgroup(inode), *wanted)
            except SourceAbsent as error:
                if error.absent.absence is not Absence.FAILED:
                    raise
                found = ()  # EINVAL: older than 5.9
            if found:
                return found
        ours = self._finder.sockets(pid)
        seen = self._dump(pid, states, *wanted)
        return tuple(each for each in seen if each.inode in ours)

    def _cgroup(self, cgroup: str) -> int | None:
        """Of v2, if it is its own; None: not known so."""
        if self._fs.mode is not CgroupMode.V2 or cgroup in ("", "/"):
            return None
        try:
            return self._fs.inode(cgroup)
        except SourceAbsent:
            return None

    def _dump(
        self, pid: int, states: Iterable[int], *parts: tuple[Op, ...]
    ) -> tuple[TcpSocket, ...]:
        with self._socket(pid) as asking:
            return dump_tcp(asking, states, bytecode(*parts))

    def _socket(self, pid: int) -> Netlink:
        """In its network namespace, which is ours as a rule."""
        if self._namespaces.net(pid) == self._namespaces.net(self._own_pid):
            return Netlink(NETLINK_SOCK_DIAG)
        with self._namespaces.opened(self._namespaces.of_process(pid)) as fd:
            return self._namespaces.socket_in(fd, NETLINK_SOCK_DIAG)


def connection(seen: TcpSocket) -> Connection:
    """One that is established or being made."""
    info = seen.info
    return Connection(
        cookie=seen.cookie,
        local=address(seen.local),
        remote=address(seen.remote),
        dialling=seen.state == TCP_SYN_SENT,
        retransmits=0 if info is None else info.retransmits,
        probes=0 if info is None else info.probes,
        backoff=0 if info is None else info.backoff,
        rto_seconds=0.0 if info is None else info.rto_us / 1e6,
        unacked=0 if info is None else info.unacked,
        queued_bytes=seen.send_queue,
        since_sent_seconds=0.0 if info is None else info.since_sent_ms / 1e3,
        since_received_seconds=0.0 if info is None else info.since_received_ms / 1e3,
        since_acked_seconds=0.0 if info is None else info.since_acked_ms / 1e3,
        rtt_seconds=0.0 if info is None else info.rtt_us / 1e6,
        total_retransmits=0 if info is None else info.total_retransmits,
        unread_bytes=seen.receive_queue,
    )


def address(pair: tuple[str, int]) -> str:
    """ "10.0.0.1:6443", "[fd00::1]:6443"."""
    host, port = pair
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
