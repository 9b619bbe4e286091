"""Which of the capabilities that are used this process does not have."""

import re
from pathlib import Path

import pytest

import agent
from agent.host.capabilities import CAPABILITIES, Capability, missing_capabilities
from agent.host.root import HostRoot
from agent.model.absence import ParseError

ALL = "000001ffffffffff"
AGENT = Path(agent.__file__).parent
# What asks the kernel for something that takes the capability, as its modules write it.
ASKS = {
    "DAC_READ_SEARCH": r'/stack"|"environ"',
    "NET_ADMIN": r"\bNETLINK_(?:NETFILTER|CONNECTOR)\b|SO_RCVBUFFORCE|BPF_PROG_QUERY"
    "|IPT_SO_GET_INFO",
    "SYS_PTRACE": r'\}/(?:fd|fdinfo|root|cwd|ns)\b|\b1/(?:root|ns)\b|/wchan"'
    '|"(?:exe|environ|cwd|fd)"',
    "SYS_ADMIN": r'\.setns\(|\bNR_FSOPEN\b|/stack"',
    "SYS_RESOURCE": r"setrlimit\(|open_file\(os\.O_RDWR",
    "SYSLOG": r'dev / "kmsg"|/dev/kmsg"',
}
DEFINES = "host/netlink.py"  # the protocols' numbers, of which it uses the one that needs nothing


def missing(root: Path, effective: str) -> list[str]:
    status = root / "proc/self/status"
    status.parent.mkdir(parents=True)
    status.write_text(f"Name:\tnodewitness\nCapPrm:\t{ALL}\nCapEff:\t{effective}\nSeccomp:\t2\n")
    return [capability.name for capability in missing_capabilities(HostRoot.at(root))]


@pytest.mark.parametrize(
    ("effective", "names"),
    [
        (ALL, []),
        ("0000000000000000", [capability.name for capability in CAPABILITIES]),
        ("00000000a80425fb", ["DAC_READ_SEARCH", *(c.name for c in CAPABILITIES[1:])]),  # a pod's
        ("000001ffffdfffff", ["SYS_ADMIN"]),
        ("000001fbffffffff", ["SYSLOG"]),
    ],
)
def test_missing(tmp_path: Path, effective: str, names: list[str]) -> None:
    """The effective set counts."""
    assert missing(tmp_path, effective) == names


@pytest.mark.parametrize("capability", CAPABILITIES, ids=lambda each: each.name)
def test_modules_are_those_that_ask(capability: Capability) -> None:
    """The table, and so the comments of the manifests and docs/install.md, names the modules that
    ask for what takes the capability: no other, and none is left out.
    """
    asking = {
        str(file.relative_to(AGENT))
        for file in (*AGENT.glob("host/*.py"), AGENT / "daemon.py")
        if re.search(ASKS[capability.name], file.read_text())
    }
    assert asking - {DEFINES} == set(capability.modules)


def test_unknown_form(tmp_path: Path) -> None:
    """A set that cannot be read is an error, not an empty one."""
    with pytest.raises(ParseError):
        missing(tmp_path, "none")
