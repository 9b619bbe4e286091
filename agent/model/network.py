"""The network path of each pod in six steps, and what is left of pods that are gone."""

from __future__ import annotations

import enum

from msgspec import Struct, field

from agent.model.namespaces import NamespaceReport
from agent.model.netlink import LinkCounters
from agent.model.oom import Container


class Datapath(enum.Enum):
    """How a pod's interface is joined to the node."""

    UNKNOWN = "unknown"  # it could not be read, or nothing of this kind is known
    HOST = "host"  # it has the host's network
    NONE = "none"  # it has no interface but lo
    BRIDGE = "bridge"  # a veth whose host end is a port
    ROUTED = "routed"  # a veth that the host has a route to: ptp, Calico
    BPF = "bpf"  # a veth with a BPF program on its host end: Cilium
    UNATTACHED = "unattached"  # a veth that ends in nothing
    IPVLAN = "ipvlan"
    MACVLAN = "macvlan"
    DEVICE = "device"  # a device of its own, moved into its namespace


class PathStep(enum.Enum):
    """In the order in which a CNI makes them."""

    NAMESPACE = "namespace"
    LINK = "link"  # both ends of the veth pair, or the interface that stands for it
    ATTACHMENT = "attachment"  # to a bridge, a host route, or a BPF program
    ADDRESS = "address"
    ROUTES = "routes"
    NAT = "nat"


class StepState(enum.Enum):
    OK = "ok"
    BROKEN = "broken"
    UNKNOWN = "unknown"  # it could not be read
    UNREACHED = "unreached"  # it stands on one that is broken
    UNUSED = "unused"  # this network needs none


class Step(Struct, frozen=True, kw_only=True):
    """One step, and what it rests on."""

    step: PathStep
    state: StepState
    detail: str  # one line for people, with the kernel's names


class PodNetwork(Struct, frozen=True, kw_only=True):
    """One pod."""

    pod: Container
    datapath: Datapath
    steps: tuple[Step, ...] = ()  # all six; none with the host's network
    pid: int = 0  # of the process whose namespace it is
    inode: int = 0  # of the namespace
    cookie: int | None = None  # of the namespace, never used again; None: the kernel has none
    name: str = ""  # of the namespace in /run/netns
    interface: str = ""
    host_interface: str = ""
    attached_to: str = ""  # the bridge, or the parent of an ipvlan
    addresses: tuple[str, ...] = ()  # with their prefixes
    gateway: str = ""
    mtu: int = 0
    counters: LinkCounters | None = None  # as the pod sees them: rx is what it receives
    broken_looks: int = 0  # one after the other, in which the same step was the first broken one
    counted_boottime_ns: int = 0  # the last look of those
    retransmits: int | None = None  # TCP segments that it had to send again

    @property
    def broken(self) -> Step | None:
        """The first broken step."""
        return next((each for each in self.steps if each.state is StepState.BROKEN), None)

    @property
    def unknown(self) -> Step | None:
        """The first step that could not be read."""
        return next((each for each in self.steps if each.state is StepState.UNKNOWN), None)


class Asked(Struct, frozen=True, kw_only=True):
    """What the CNI configuration wants for a pod. None: not known."""

    masquerade: bool | None = None
    plugin: str = ""
    addresses: tuple[str, ...] = ()  # that it gave to the pod; empty: not known
    gateway: bool = False  # the host has the address of the pod's gateway
    bridge: str = ""  # which it is to be a port of; empty: none, or not known


class LeftoverKind(enum.Enum):
    NAMESPACE = "namespace"
    VETH = "veth"
    ADDRESS = "address"
    CGROUP = "cgroup"  # of a pod


class EmptyPod(Struct, frozen=True, kw_only=True):
    """A pod's own cgroup in which processes have lived, and none does now."""

    pod: Container
    path: str
    inode: int  # of the cgroup


class Leftover(Struct, frozen=True, kw_only=True):
    """Something that belongs to no living sandbox, and was looked at for longer than the grace."""

    kind: LeftoverKind
    name: str  # in /run/netns, of the interface, the address, or the path of the cgroup
    since_boottime_ns: int  # nobody has used it since, as far as we have seen
    created_wall_ns: int = 0  # 0: not told
    inode: int = 0  # of a namespace, or of the one that a veth leads to; of a cgroup
    detail: str = ""
    owner: str = ""  # the container's id that it was made for, if that is told; a cgroup's pod uid


class AddressPool(Struct, frozen=True, kw_only=True):
    """One set of ranges that a host-local IPAM gives addresses of, one to each pod."""

    network: str  # of the CNI configuration
    directory: str
    ranges: tuple[str, ...]  # "10.88.0.1-10.88.255.254"; none: they are not known
    total: int = 0  # addresses that pods can get
    used: int = 0
    leaked: int = 0  # of those: of containers that are gone
    unread: str = ""  # why it is not known

    @property
    def free(self) -> int:
        return max(0, self.total - self.used)


class NetworkReport(Struct, frozen=True, kw_only=True):
    """All of it at one moment."""

    boottime_ns: int
    wall_ns: int
    namespaces: NamespaceReport
    pods: tuple[PodNetwork, ...] = ()
    leftovers: tuple[Leftover, ...] = ()
    judged_leftovers: bool = False  # whether the runtime was asked, or nothing was suspicious
    pools: tuple[AddressPool, ...] = field(default_factory=tuple)
    addresses_unknown: str = ""  # why nobody can tell whether pods get addresses
