"""How processes end, and who ended them, on a real kernel."""

import json
import signal
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from agent.api.v1.oom_pb2 import WITNESS_EXIT, OOMIncident
from agent.api.v1.status_pb2 import Source
from tests.lab.asking import Asking
from tests.lab.deadline import until
from tests.lab.guest import Guest
from tests.lab.kubelet import Pods
from tests.lab.scenarios.container_limit import group_over_limit, init_over_limit
from tests.lab.stories import fire
from tests.lab.wire import Process

WATCH = "PYTHONPATH=/run/lab/code:/opt/nodewitness exec python3 -m tests.lab.guest_deaths"
SECONDS = 60

Death = dict[str, Any]


@pytest.fixture
def deaths(guest: Guest) -> Iterator[Process]:
    """The watchers and the book, at work."""
    process = guest.start(f"cd /opt/nodewitness && {WATCH}")
    try:
        until(lambda: "ready" in process.out, SECONDS, "the watchers are open", lambda: process.err)
        yield process
    finally:
        process.close()


def death_of(process: Process, pid: int) -> Death:
    """The first death of a process that the book tells of."""

    def told() -> Death | None:
        *lines, _ = process.out.split("\n")
        found = (json.loads(line) for line in lines if line.startswith("{"))
        return next((death for death in found if death["exit"]["pid"] == pid), None)

    return until(told, SECONDS, f"the death of {pid}", lambda: process.out + process.err)


def test_who_sent_the_signal(pods: Pods, deaths: Process, guest: Guest) -> None:
    """A shell kills processes of a container from outside: its pid and name are in the book. Of an
    exit nobody sent anything: the code alone.
    """
    case = group_over_limit(pods, name="killed")  # its processes sleep until it fires
    inside = guest.read(f"/sys/fs/cgroup{case.the_container.group.path}/cgroup.procs").split()
    children = [int(pid) for pid in inside if int(pid) != case.the_container.init_pid()]
    for number, pid in zip((signal.SIGKILL, signal.SIGTERM), children, strict=False):
        # It stays until its signal has been read. Who is read of before the kernel has kept his
        # name, and has ended before he is asked for it, has none ("<...>").
        with closing(guest.start(["bash", "-c", f"kill -{number:d} {pid}; read line"])) as shell:
            death = death_of(deaths, pid)
        assert death["exit"]["signal"] == number
        (sent,) = [each for each in death["signals"] if each["signal"] == number]
        assert (sent["sender_pid"], sent["sender_comm"]) == (shell.pid, "bash")
        assert (sent["code"], sent["to_group"], sent["target_comm"]) == (0, True, "work")

    pid = int(guest.run(["bash", "-c", "echo $$; exit 3"], check=False).out)
    death = death_of(deaths, pid)
    assert (death["exit"]["exit_code"], death["exit"]["signal"]) == (3, None)
    assert death["signals"] == []


def source(asking: Asking, name: str) -> Source:
    """A row of `sees`."""
    (found,) = [source for source in asking.status().sources if source.name == name]
    return found


def test_exits_are_a_witness_of_kills(pods: Pods, asking: Asking) -> None:
    """Both sources are up, and the victim's exit is one more witness."""
    assert source(asking, "connector").state == Source.STATE_UP
    assert source(asking, "signals").state == Source.STATE_UP
    fire(init_over_limit(pods, name="exit-oom"), asking)

    def witnessed(incident: OOMIncident) -> bool:
        return all(WITNESS_EXIT in victim.witnesses for victim in incident.victims)

    assert asking.incident("exit-oom", witnessed).victims
    for name in ("connector", "signals"):  # counted at the next tick
        until(lambda: source(asking, name).records > 0, SECONDS, f"{name} has records")  # noqa: B023


def test_outside_the_initial_namespaces(guest: Guest) -> None:
    """The kernel gives no answer in another pid namespace, nor without hostNetwork; the agent says
    why, and what to do.
    """
    said = refusal(guest, "unshare --pid --fork --mount-proc")
    assert "pid namespace" in said
    assert "hostPID: true" in said
    assert "hostNetwork: true" in refusal(guest, "unshare --net")


def refusal(guest: Guest, unshare: str) -> str:
    """What `nodewitness run` says of the connector when it is started so."""
    argv = f"{unshare} nodewitness run --set state.directory=/run/unshared"
    argv += " --set serve.socket=/run/unshared.sock --set serve.metrics_address=''"
    process = guest.start(f"exec {argv}")
    try:
        return until(
            lambda: next((line for line in process.out.split("\n") if "connector" in line), ""),
            SECONDS,
            "the agent says what it sees",
            lambda: process.out + process.err,
        )
    finally:
        process.close()
