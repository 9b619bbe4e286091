"""Which of the capabilities that are used this process does not have."""

from pathlib import Path

import pytest

from agent.host.capabilities import CAPABILITIES, missing_capabilities
from agent.host.root import HostRoot
from agent.model.absence import ParseError

ALL = "000001ffffffffff"


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


def test_unknown_form(tmp_path: Path) -> None:
    """A set that cannot be read is an error, not an empty one."""
    with pytest.raises(ParseError):
        missing(tmp_path, "none")
