"""`nodectl io` and `nodectl blocked`."""

from __future__ import annotations

import json

from agent.api.v1 import io_pb2 as pb
from agent.api.v1 import node_agent_pb2
from agent.nodectl.exits import Exit
from agent.nodectl.show.io import MAX_ROWS, MAX_SAID
from tests.nodectl.conftest import Run
from tests.nodectl.fake_agent import FakeAgent


def test_devices(agent: FakeAgent, run: Run) -> None:
    """A stalled device is a finding, and stands first."""
    result = run("io")
    assert result.exit_code == Exit.FINDING
    assert result.output.splitlines()[1].startswith("dm-0")
    assert agent.requests == [node_agent_pb2.ListDevicesRequest()]
    volume = agent.devices.io.disks[2]
    volume.suspended = False
    assert "STALLED for 42s" in run("io").output
    volume.stalled = False
    result = run("io")
    assert result.exit_code == Exit.OK
    assert "STALLED" not in result.output


def test_suspended_for_a_moment(agent: FakeAgent, run: Run) -> None:
    """It is said, and no finding yet."""
    agent.devices.io.disks[2].stalled = False
    result = run("io")
    assert (result.exit_code, "  suspended for 42s" in result.output) == (Exit.OK, True)


def test_devices_wide(agent: FakeAgent, run: Run) -> None:
    """Loop devices that are well too, bytes, the queue and the number."""
    assert "loop0" not in run("io").output
    lines = run("io", "-o", "wide").output.splitlines()
    assert any(line.startswith("loop0") for line in lines)
    (root,) = [line for line in lines if line.startswith("nvme0n1  NVMe")]
    assert root.split()[-4:] == ["3.8Mi", "8.6Mi", "0.6", "259:0"]
    agent.devices.io.Clear()
    assert run("io").output == "No block device has been asked for anything.\n"


def test_said(agent: FakeAgent, run: Run) -> None:
    """The kernel's lines: how often, when, and safe to print; a few, or all with -o wide."""
    output = " ".join(run("io").output.split())
    assert "kernel 1m33s ago: EXT4-fs (dm-0): Remounting filesystem read-only" in output
    assert "kernel 1m35s ago, 7 times in 2m10s: critical medium error, dev nvme1n1," in output
    said = agent.devices.io.said
    said[0].text = "EXT4-fs error (device dm-0): \x1b[2J"
    said.extend([said[0]] * MAX_SAID)
    output = run("io").output
    assert "\\x1b[2J" in output
    assert "kernel   and 3 more lines of others" in output
    assert run("io", "-o", "wide").output.count("\\x1b[2J") == MAX_SAID + 1
    agent.devices.io.ClearField("disks")
    assert "kernel   1m33s ago" in run("io").output


def test_users(agent: FakeAgent, run: Run) -> None:
    """A user may be known by little."""
    users = agent.devices.io.disks[2].users
    users[0].container.pod = ""
    users[1].unit = ""
    assert "used by shop/uid-of-web-0, ?" in " ".join(run("io").output.split())


def test_etcd(agent: FakeAgent, run: Run) -> None:
    """Its disk, as far as that is known."""

    def told() -> str:
        text = run("io").output.partition("etcd     ")[2].partition("kernel   ")[0]
        return " ".join(text.split())

    assert told() == (
        "etcd[2211] syncs /var/lib/etcd on nvme0n1: a flush takes 8.4ms on nvme0n1; it waits for a"
        " disk 31% of the time"
    )
    etcd = agent.devices.io.etcd[0]
    for field in ("slowest", "devices", "waiting_ratio"):
        etcd.ClearField(field)
    assert told() == "etcd[2211] syncs /var/lib/etcd"
    etcd.absent_reason = "/var/lib/etcd: Permission denied"
    assert told() == "etcd[2211] syncs /var/lib/etcd: /var/lib/etcd: Permission denied"


def test_blocked(agent: FakeAgent, run: Run) -> None:
    """A task that waits for too long is a finding; the filters are asked of the agent."""
    result = run("blocked", "-n", "shop", "--pod", "web-0")
    assert result.exit_code == Exit.FINDING
    assert agent.requests == [node_agent_pb2.ListBlockedTasksRequest(namespace="shop", pod="web-0")]
    del agent.blocked.blocked.tasks[:3]
    result = run("blocked")
    assert result.exit_code == Exit.OK
    assert "0 of 2 in state D" in result.output
    agent.blocked.blocked.ClearField("tasks")
    none, said = run("blocked").output.splitlines()
    assert none == "No task that was asked for is in state D: 3,518 tasks looked at in 71ms."
    assert said.startswith("kernel   40s ago, 3 times in 4m05s: INFO: task work:434 blocked for ")


def test_blocked_wide(agent: FakeAgent, run: Run) -> None:
    """The cgroup, and how long it has waited for block io, or why that is not known."""
    output = run("blocked", "-o", "wide").output
    first, second = (each for each in output.splitlines() if "/kubepods/burstable/podu/4f" in each)
    assert (" 1m12s " in first, " 1m12s " in second) == (True, False)
    assert "io delay" not in output
    agent.blocked.blocked.tasks[0].ClearField("io_delay")
    agent.blocked.blocked.io_delay_absent_reason = "unsupported: kernel.task_delayacct is 0"
    output = run("blocked", "-o", "wide").output
    assert "io delay unsupported: kernel.task_delayacct is 0" in output
    assert "io delay" not in run("blocked").output


def test_many(agent: FakeAgent, run: Run) -> None:
    """The first rows, and how many there are."""
    task = pb.BlockedTask(pid=7, tid=7, comm="a\x1b", unit="x.service")
    agent.blocked.blocked.tasks.extend([task] * 100)
    agent.blocked.blocked.more = 3
    output = run("blocked").output
    assert f"and {108 - MAX_ROWS} more" in output
    assert "a\\x1b[7]" in output
    assert "and 3 more" in run("blocked", "-o", "wide").output


def test_for_programs(agent: FakeAgent, run: Run) -> None:
    found = json.loads(run("io", "-o", "json").output)
    assert found["io"]["disks"][2]["label"] == "vg0-data"
    found = json.loads(run("blocked", "-o", "json").output)
    assert found["blocked"]["tasks"][0]["wchan"] == "folio_wait_bit_common"
