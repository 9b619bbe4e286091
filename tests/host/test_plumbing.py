"""agent.host.plumbing, rule_tables, rule_tools and nft_changes, on captured files, and in a network
namespace of our own on the machine that runs the tests.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from agent.host.local_ports import LocalPortCounter
from agent.host.namespaces import Namespaces
from agent.host.netlink import NETLINK_NETFILTER
from agent.host.nft_changes import NEWGEN, NftChanges, newgen_filter
from agent.host.plumbing import PlumbingCounters
from agent.host.root import HostRoot
from agent.host.rule_tables import RuleTables, _info
from agent.host.rule_tools import LOCK, LOOKS, RuleTools
from agent.model.plumbing import Conntrack, LocalPorts, Neighbours, SeenTool, Softnet
from agent.observe.plumbing import read_fabric
from agent.parse.netlink import attribute, error_of, message, split_messages
from agent.parse.nft_rule import NFGENMSG, NFNL_SUBSYS_NFTABLES
from agent.parse.rtnetlink import RTM_NEWROUTE, RTMSG
from tests.host.test_netlink import can_enter
from tests.host.this_host import SECONDS
from tests.parse.test_plumbing import ARP, CONNTRACK, SOFTNET

CLONE_NEWNET = 0x40000000
privileged = pytest.mark.skipif(not can_enter(), reason="entering a namespace needs CAP_SYS_ADMIN")


def captured(top: Path) -> HostRoot:
    """A host with a full table of connections."""
    files = {
        "1/net/stat/nf_conntrack": CONNTRACK,
        "1/net/stat/arp_cache": ARP,
        "1/net/stat/ndisc_cache": ARP,
        "1/net/softnet_stat": SOFTNET,
        "sys/net/netfilter/nf_conntrack_max": b"20\n",
        "sys/net/netfilter/nf_conntrack_count": b"19\n",
        "sys/net/ipv4/neigh/default/gc_thresh3": b"1024\n",
        "modules": b"",
    }
    for name, data in files.items():
        path = top / "proc" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return HostRoot.at(top)


def test_counters(tmp_path: Path) -> None:
    """All of it; gc_thresh3 is not shown everywhere."""
    host = captured(tmp_path)
    sample = PlumbingCounters(host, Namespaces(host)).sample(7)
    assert sample.boottime_ns == 7
    assert sample.conntrack is not None
    assert (sample.conntrack.entries, sample.conntrack.limit) == (20, 20)
    assert sample.softnet == Softnet(processed=0x327C80 + 0x3658F0, dropped=7, squeezed=5)
    assert sample.neighbours == (
        Neighbours(version=4, entries=5, limit=1024, table_fulls=4),
        Neighbours(version=6, entries=5, limit=None, table_fulls=4),
    )
    assert sample.absent == {}


def test_no_file_of_counters(tmp_path: Path) -> None:
    """Then the sysctl tells the entries, and a module that is not loaded is not asked."""
    host = captured(tmp_path)
    (host.proc / "1/net/stat/nf_conntrack").unlink()
    counters = PlumbingCounters(host, Namespaces(host))
    assert counters.conntrack() == Conntrack(entries=19, limit=20)


def test_absent(tmp_path: Path) -> None:
    """Each by itself, with the reason."""
    host = captured(tmp_path)
    (host.proc / "sys/net/netfilter/nf_conntrack_max").unlink()
    (host.proc / "1/net/softnet_stat").write_bytes(b"nonsense")
    (host.proc / "1/net/stat/ndisc_cache").unlink()
    sample = PlumbingCounters(host, Namespaces(host)).sample(7)
    assert (sample.conntrack, sample.softnet, len(sample.neighbours)) == (None, None, 1)
    assert sample.absent.keys() == {"conntrack", "softnet", "neighbours6"}
    assert sample.absent["conntrack"] == "conntrack is not loaded: no connection is tracked"


class Elsewhere:
    """A process in a network namespace of its own, which stands for the host's first one."""

    def __init__(self, top: Path, pid: int) -> None:
        proc = top / "proc"
        proc.mkdir()
        (proc / "1").symlink_to(f"/proc/{pid}")
        for name in ("sys", "locks", "thread-self"):
            (proc / name).symlink_to(f"/proc/{name}")
        self.host = HostRoot(proc=proc, sys=Path("/sys"), run=top / "run", root=top)
        self.namespaces = Namespaces(self.host)

    def inside(self) -> ExitStack:
        stack = ExitStack()
        fd = stack.enter_context(self.namespaces.opened(self.namespaces.of_process(1)))
        stack.enter_context(self.namespaces.inside(fd))
        return stack


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Elsewhere]:
    code = "import ctypes, sys; r = ctypes.CDLL(None).unshare(0x40000000); print(r, flush=True)"
    child = subprocess.Popen(
        [sys.executable, "-c", f"{code}; sys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"0\n"
        yield Elsewhere(tmp_path, child.pid)
        assert child.stdin is not None
        child.stdin.close()


def _route(protocol: int) -> None:
    """10.9.0.0/16 through lo, which is switched on for it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, 0x8914, struct.pack("16sh14x", b"lo", 0x1))  # SIOCSIFFLAGS, IFF_UP
    body = RTMSG.pack(2, 16, 0, 0, 254, protocol, 253, 1, 0)
    body += attribute(1, bytes((10, 9, 0, 0))) + attribute(4, (1).to_bytes(4, sys.byteorder))
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as sock:
        sock.send(message(RTM_NEWROUTE, 0x405, 1, body))  # NLM_F_REQUEST | ACK | CREATE
        (answer,) = split_messages(sock.recv(4096))
        assert error_of(answer.body) == 0


@privileged
def test_fabric(elsewhere: Elsewhere) -> None:
    """The devices of that namespace, and who has made its routes."""
    before = read_fabric(elsewhere.namespaces)
    assert [link.name for link in before.links][:1] == ["lo"]
    assert before.routes.get((4, 12)) is None
    with elsewhere.inside():
        _route(12)
    assert read_fabric(elsewhere.namespaces).routes[4, 12] == 1


@privileged
def test_legacy_tables(elsewhere: Elsewhere) -> None:
    """Not asked for before they are there; a new one has its policies and an end."""
    tables = RuleTables(elsewhere.host, elsewhere.namespaces)
    assert [table for table in tables.count() if table.backend == "iptables-legacy"] == []
    with elsewhere.inside():
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sock:
        try:
            _info(sock, socket.SOL_IP, b"filter")  # which loads it
        except OSError as error:
            pytest.skip(f"this kernel has no iptables-legacy: {error}")
    (table,) = [each for each in tables.count() if each.backend == "iptables-legacy"]
    assert (table.family, table.name, table.entries) == ("ip", "filter", 4)
    assert tables.seconds > 0


@privileged
def test_ctnetlink(elsewhere: Elsewhere) -> None:
    """Zeros of a namespace in which nothing is tracked, where it is there."""
    told = PlumbingCounters(elsewhere.host, elsewhere.namespaces).by_netlink()
    assert told is None or told.drop == 0


@privileged
def test_changes(elsewhere: Elsewhere) -> None:
    """Of each commit its end is heard, with who made it, and of nothing else."""
    changes = NftChanges(elsewhere.namespaces)
    assert changes.heard(1) == ([], False)
    try:
        commit(elsewhere, b"first")
    except OSError as error:
        pytest.skip(f"this kernel has no nftables: {error}")
    (change,), lost = changes.heard(7)
    assert not lost
    assert (change.pid, change.boottime_ns) == (os.getpid(), 7)
    commit(elsewhere, b"second")
    commit(elsewhere, b"third")
    told = [each.generation for each in changes.heard(8)[0]]
    assert told == [change.generation + 1, change.generation + 2]
    changes.close()


def commit(elsewhere: Elsewhere, name: bytes) -> None:
    """A table is made."""
    nftables, table = NFNL_SUBSYS_NFTABLES, attribute(1, name + b"\0")  # NFTA_TABLE_NAME
    ends = NFGENMSG.pack(0, 0, socket.htons(nftables))
    batch = (
        (0x10, 0x1, ends),  # NFNL_MSG_BATCH_BEGIN; NLM_F_REQUEST
        (nftables << 8, 0x405, NFGENMSG.pack(2, 0, 0) + table),  # NLM_F_REQUEST | ACK | CREATE
        (0x11, 0x1, ends),  # NFNL_MSG_BATCH_END
    )
    with (
        elsewhere.inside(),
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as sock,
    ):
        sock.settimeout(SECONDS)
        sock.send(b"".join(message(kind, flags, 1, body) for kind, flags, body in batch))
        (answer,) = split_messages(sock.recv(4096))
    if error := error_of(answer.body):
        raise OSError(error, os.strerror(error))


def test_filter() -> None:
    """The kernel lets the end of a commit through and drops the rules that it is made of."""
    program = newgen_filter()
    buffer = ctypes.create_string_buffer(program, len(program))

    fprog = struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer))
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs:
        ours.setsockopt(socket.SOL_SOCKET, 26, fprog)  # SO_ATTACH_FILTER
        for kind in (NEWGEN - 9, NEWGEN, NEWGEN + 1):
            theirs.send(message(kind, 0, 1, bytes(8)))
        ours.setblocking(False)
        (heard,) = split_messages(ours.recv(4096))
        assert heard.type == NEWGEN
        with pytest.raises(BlockingIOError):
            ours.recv(4096)


def test_few_sockets(tmp_path: Path) -> None:
    """No peer is asked for while all together are few."""
    host = captured(tmp_path)
    (host.proc / "1/net/sockstat").write_bytes(b"TCP: inuse 35 orphan 0 tw 5 alloc 44\n")
    (host.proc / "1/net/sockstat6").write_bytes(b"TCP6: inuse 5\n")
    (host.proc / "sys/net/ipv4/ip_local_port_range").write_bytes(b"32768 60999\n")
    counter = LocalPortCounter(host, Namespaces(host))
    assert counter.count() == LocalPorts(total=28232, sockets=45)
    (host.proc / "1/net/sockstat6").unlink()
    assert counter.count().sockets == 40


@privileged
def test_ports(elsewhere: Elsewhere, tmp_path: Path) -> None:
    """The peer with the most connections, of a range that is made small."""
    proc = elsewhere.host.proc
    (proc / "sys").unlink()
    (proc / "sys/net/ipv4").mkdir(parents=True)
    with elsewhere.inside(), socket.socket() as probe:
        fcntl.ioctl(probe, 0x8914, struct.pack("16sh14x", b"lo", 0x1))  # SIOCSIFFLAGS, IFF_UP
        listener = socket.create_server(("127.0.0.1", 0), backlog=8)
        port = listener.getsockname()[1]
        clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
    locals_ = sorted(client.getsockname()[1] for client in clients)
    low, high = locals_[0], max(locals_[-1], locals_[0] + 1)
    (proc / "sys/net/ipv4/ip_local_port_range").write_text(f"{low} {min(high, low + 7)}\n")
    found = LocalPortCounter(elsewhere.host, elsewhere.namespaces).count()
    for each in (*clients, listener):
        each.close()
    assert found.sockets >= 3
    assert (found.destination, found.port, found.source) == ("127.0.0.1", port, "127.0.0.1")
    assert 1 <= found.used <= 3


LOCKER = """\
import ctypes, fcntl, sys
ctypes.CDLL(None).prctl(15, b"iptables-restor")
lock = open(sys.argv[1], "w")
print("ready", flush=True)
fcntl.flock(lock, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.read()
"""


def test_lock() -> None:
    """Who has it and who waits; other programs are looked at twice and then no more."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as run, ExitStack() as stack:
        host = HostRoot(proc=Path("/proc"), sys=Path("/sys"), run=Path(run), root=Path("/"))
        tools = RuleTools(host)
        assert tools.lock() == ((), ())
        lock = Path(run, LOCK)
        lock.touch()
        command = [sys.executable, "-c", LOCKER, str(lock)]
        children = []
        for lines in (2, 1):
            child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            stack.enter_context(child)
            assert child.stdout is not None
            for _ in range(lines):
                child.stdout.readline()
            children.append(child)
        holder, waiter = children
        end = time.monotonic() + SECONDS
        while tools.lock()[1] != (waiter.pid,):
            assert time.monotonic() < end, tools.lock()
            os.sched_yield()
        assert tools.lock()[0] == (holder.pid,)
        assert tools.comm(holder.pid) == "iptables-restor"
        proc = Path(run, "proc")
        (proc / "1").mkdir(parents=True)
        (proc / "1/root").symlink_to(run)
        (proc / "locks").symlink_to("/proc/locks")
        Path(run, "run").symlink_to(run)
        contained = HostRoot(proc=proc, sys=Path("/sys"), run=Path("/nowhere"), root=Path("/"))
        assert RuleTools(contained).lock() == tools.lock()
        for _ in range(LOOKS + 1):
            seen: dict[int, SeenTool] = {tool.pid: tool for tool in tools.tools()}
            assert seen[holder.pid].comm == "iptables-restor"
            assert seen[holder.pid].start_boottime_ns > 0
            assert os.getpid() not in seen
        for child in children:
            assert child.stdin is not None
            child.stdin.close()
