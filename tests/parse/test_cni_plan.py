"""agent.parse.cni_plan."""

from __future__ import annotations

import base64
import ipaddress
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.absence import ParseError
from agent.parse.cni_plan import AddressRange, parse_allocation, parse_plan, parse_result

IPAM = {"type": "host-local", "subnet": "10.88.0.0/24"}
BRIDGE = {"type": "bridge", "bridge": "br7", "ipMasq": True, "ipam": IPAM}


def conflist(*plugins: object) -> bytes:
    return json.dumps({"cniVersion": "1.0.0", "name": "k8s", "plugins": plugins}).encode()


def test_bridge() -> None:
    """What its plugin is asked for, and the range as host-local fills it in."""
    plan = parse_plan(conflist(BRIDGE, {"type": "portmap"}))
    assert (plan.network, plan.masquerade, plan.bridge) == ("k8s", True, "br7")
    assert plan.directory == "/var/lib/cni/networks/k8s"
    ((found,),) = plan.sets
    assert str(found) == "10.88.0.1-10.88.0.254"
    assert found.total == 253


def test_other_plugins() -> None:
    """Who is not asked for it need not masquerade; a .conf is one plugin."""
    ptp = parse_plan(json.dumps({"name": "a", "type": "ptp", "ipam": IPAM}).encode())
    assert (ptp.masquerade, ptp.bridge, ptp.gateway) == (False, "", True)
    cilium = parse_plan(conflist({"type": "cilium-cni"}))
    assert (cilium.masquerade, cilium.directory, cilium.sets) == (False, "", ())
    assert (cilium.plugin, cilium.gateway) == ("cilium-cni", False)
    assert parse_plan(conflist({**BRIDGE, "isDefaultGateway": True})).gateway
    assert not parse_plan(conflist(BRIDGE)).gateway
    assert parse_plan(conflist({"type": "bridge"})).bridge == "cni0"


def test_ranges() -> None:
    """Several sets, a part of a subnet, a gateway elsewhere, IPv6."""
    ipam = {
        "type": "host-local",
        "dataDir": "/run/ipam",
        "ranges": [
            [{"subnet": "10.1.0.0/24", "rangeStart": "10.1.0.10", "rangeEnd": "10.1.0.19"}],
            [{"subnet": "fd00::/120"}],
        ],
    }
    plan = parse_plan(conflist({"type": "bridge", "ipam": ipam}))
    assert plan.directory == "/run/ipam/k8s"
    (four,), (six,) = plan.sets
    assert four.total == 10
    assert six.total == 254
    assert ipaddress.ip_address("10.1.0.10") in four
    assert ipaddress.ip_address("10.1.0.20") not in four
    assert ipaddress.ip_address("fd00::1") not in six  # the gateway
    assert ipaddress.ip_address("fd00::2") not in four


@given(st.integers(0, (1 << 32) - 1), st.integers(1, 29))
def test_any_subnet(number: int, prefix: int) -> None:
    """All of it but the network's own, the broadcast and the gateway."""
    subnet = ipaddress.IPv4Network((number, prefix), strict=False)
    ipam = {"type": "host-local", "subnet": str(subnet)}
    ((found,),) = parse_plan(conflist({"type": "bridge", "ipam": ipam})).sets
    assert found.total == subnet.num_addresses - 3
    assert isinstance(found, AddressRange)
    assert found.end in found
    assert found.gateway not in found


@pytest.mark.parametrize("subnet", ["", "10.0.0.0/33", "10.0.0.1/32", "\ud800", "usePodCidr"])
def test_no_range(subnet: str) -> None:
    """Nor is one of those that are known left out: Calico fills in the node's podCIDR."""
    ranges = [[{"subnet": "fd00::/120"}], [{"subnet": subnet}], 7]
    ipam = {"type": "host-local", "ranges": ranges}
    plan = parse_plan(conflist({"type": "calico", "ipam": ipam, "ipMasq": True}))
    assert "a range of addresses" in plan.unread
    assert plan.masquerade
    assert plan.directory == "/var/lib/cni/networks/k8s"
    assert [str(each) for (each,) in plan.sets] == ["fd00::1-fd00::ff"]


def test_no_ranges() -> None:
    """They are given at each call, or nowhere that can be seen."""
    plan = parse_plan(conflist({"type": "bridge", "ipam": {"type": "host-local"}}))
    assert (plan.sets, plan.unread) == ((), "the configuration names no range of addresses")


def test_flannel() -> None:
    """It calls another plugin, and keeps what for where it is told to."""
    plan = parse_plan(conflist({"type": "flannel", "delegate": {"isDefaultGateway": True}}))
    assert (plan.delegates, plan.directory) == ("/var/lib/cni/flannel", "")
    assert parse_plan(conflist({"type": "flannel", "dataDir": "/f"})).delegates == "/f"
    for path in ("f", 7):
        assert parse_plan(conflist({"type": "flannel", "dataDir": path})).delegates == ""
    assert parse_plan(conflist(BRIDGE)).delegates == ""


@pytest.mark.parametrize("name", ["..", ".", "", "a/b"])
def test_no_directory(name: str) -> None:
    """A name that no directory can have."""
    plan = parse_plan(json.dumps({"name": name, **BRIDGE}).encode())
    assert (plan.directory, plan.sets, plan.unread) == ("", (), "")


@pytest.mark.parametrize("data", [b"", b"[]", b'{"plugins": []}', b'{"plugins": [1]}'])
def test_no_plan(data: bytes) -> None:
    with pytest.raises(ParseError):
        parse_plan(data)


def test_result() -> None:
    """Whose, in which namespace, and by which configuration."""
    interfaces = [{"name": "cni0"}, {"name": "eth0", "sandbox": "/var/run/netns/cni-20a2"}]
    cached = {
        "kind": "cniCacheV1",
        "containerId": "24f0",
        "ifName": "eth0",
        "config": base64.b64encode(conflist(BRIDGE)).decode(),
        "result": {
            "interfaces": interfaces,
            "ips": [{"address": "10.88.0.5/16"}, {"address": "x"}],
        },
    }
    found = parse_result(json.dumps(cached).encode())
    assert (found.container_id, found.interface) == ("24f0", "eth0")
    assert found.netns == "/var/run/netns/cni-20a2"
    assert found.addresses == ("10.88.0.5",)
    assert found.plan is not None
    assert found.plan.masquerade
    for config, result in (("@", None), (7, {"interfaces": 3, "ips": [3]}), ("e30=", {})):
        poor = parse_result(json.dumps({**cached, "config": config, "result": result}).encode())
        assert (poor.plan, poor.netns) == (None, "")
    with pytest.raises(ParseError, match="containerId"):
        parse_result(b"{}")


def test_allocation() -> None:
    """The container's id stands in the first line, whatever ends it."""
    for data in (b"b4cfff7a\r\neth0", b"b4cfff7a\neth0", b"b4cfff7a"):
        assert parse_allocation(data) == "b4cfff7a"
    assert parse_allocation(b"") == ""
