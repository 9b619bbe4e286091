"""The agent as a service of the host: installed by deploy/systemd, killed, replaced, taken away."""

import filecmp
import io
import os
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agent import __version__
from agent.api.v1.oom_pb2 import OUTCOME_SURVIVED, OOMBooks
from agent.api.v1.status_pb2 import Source
from agent.install import HOME
from tests.lab.asking import Asking
from tests.lab.cache import PROJECT
from tests.lab.deadline import until
from tests.lab.deployed import UnitAgent, without_the_labs_own
from tests.lab.guest import Guest
from tests.lab.image import NEXT_VERSION, agent_layers, next_layers
from tests.lab.kubelet import Pods
from tests.lab.machines import SYSTEMD
from tests.lab.scenarios.case import Case
from tests.lab.scenarios.container_limit import child_over_limit
from tests.lab.stories import assert_story, fire
from tests.lab.truth import Books
from tools.image.__main__ import build_base, build_image

pytestmark = pytest.mark.machine(SYSTEMD)

MIB = 1 << 20
PLACE = "/run/lab/install"
HOLD = "/run/lab/restart-gate"
COPY_SECONDS = 600.0
START_SECONDS = 120.0
SEES_SECONDS = 120.0
NOT_IN_THE_LAB = {"connections", "kubelet", "healthz", "filesystems"}
_DROP_IN = "/run/systemd/system/nodewitness.service.d"


@pytest.fixture
def unit(guest: Guest) -> Iterator[UnitAgent]:
    """The unit, installed and started; all of it is gone at the end."""
    carry(guest, *agent_layers(), *sorted((PROJECT / "deploy/systemd").iterdir()))
    agent = UnitAgent(guest)
    # There is no journal in this guest.
    guest.run(
        f"mkdir -p {_DROP_IN} && printf '[Service]\\nStandardOutput=append:{agent.LOG}\\n"
        f"StandardError=append:{agent.LOG}\\n' > {_DROP_IN}/lab.conf"
    )
    with without_the_labs_own(guest):
        install(guest)
        guest.run("systemctl daemon-reload && systemctl start nodewitness", seconds=START_SECONDS)
        try:
            agent.wait_serving()
            yield agent
        finally:
            print(agent.log())
            agent.close()
            guest.run(
                f"systemctl stop nodewitness; rm -rf {PLACE} {_DROP_IN} {agent.LOG}"
                " /etc/systemd/system/nodewitness.service; systemctl daemon-reload",
                check=False,
                seconds=START_SECONDS,
            )


def carry(guest: Guest, *files: Path) -> None:
    """These files into the guest, for install.sh."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for file in files:
            tar.add(file, file.name)
    unpack = f"mkdir -p {PLACE} && tar -x -C {PLACE}"
    guest.run(unpack, stdin=archive.getvalue(), seconds=COPY_SECONDS)


def unseeing(asking: Asking) -> set[str]:
    """The sources that do not see."""
    return {s.name for s in asking.status().sources if s.state != Source.STATE_UP}


def install(guest: Guest) -> None:
    """As an operator does, with what `make image` has made."""
    guest.run(["sh", f"{PLACE}/install.sh", "--image", PLACE], seconds=START_SECONDS)


def test_service(unit: UnitAgent, pods: Pods, guest: Guest, figures: list[str]) -> None:
    """All sources see in its sandbox, and bpf(2), which no source needs, gets an answer there.
    Killed, restarted and upgraded, each time with a kill while it is not there, it loses nothing.
    """
    asking = Asking(unit)
    start = asking.settled()
    cases = [child_over_limit(pods, name=f"unit-{number}") for number in range(4)]
    seen, crashed, restarted, upgraded = cases
    until(lambda: unseeing(asking) <= NOT_IN_THE_LAB, SEES_SECONDS, "all is seen", unit.log)
    figures.append(f"service: {asking.status().self.resident_bytes / MIB:.1f} MiB resident")
    guards = until(
        lambda: asking.status().self.protections, SEES_SECONDS, "it is protected", unit.log
    )
    assert {each.name for each in guards if each.got} >= {"oom_score_adj", "mlock2", "memory.min"}
    kernel, _ = fire(seen, asking)
    assert_story(asking.closed("unit-0"), seen, kernel)
    assert counts_tcx_programs(guest, without="")
    assert not counts_tcx_programs(guest, without="bpf")

    before, first = asking.settled(), unit.main_pid()
    guest.run(["systemctl", "kill", "--signal=KILL", "nodewitness"])
    unseen = crashed.fire()
    began = time.monotonic()
    until(lambda: unit.main_pid() not in (0, first), START_SECONDS, "systemd has started it anew")
    unit.wait_serving()
    figures.append(f"service: serves {time.monotonic() - began:.1f} s after SIGKILL")
    told_later(asking, before, crashed, unseen)

    before, second = asking.settled(), unit.main_pid()
    unseen = restart_around(restarted, unit)
    assert unit.main_pid() not in (0, second)
    told_later(asking, before, restarted, unseen)

    before = asking.settled()
    assert asking.status().identity.version == __version__
    carry(guest, *next_layers())
    install(guest)
    assert guest.run(["readlink", f"{HOME}/current"]).out == f"{NEXT_VERSION}\n"
    guest.run(["systemctl", "stop", "nodewitness"], seconds=START_SECONDS)
    unseen = upgraded.fire()
    began = time.monotonic()
    guest.run(["systemctl", "start", "nodewitness"], seconds=START_SECONDS)
    unit.wait_serving()
    figures.append(f"service, the next version: serves {time.monotonic() - began:.1f} s later")
    told_later(asking, before, upgraded, unseen)
    upgrade_is_whole(unit, asking, guest)

    books = asking.settled()
    assert books.victims - start.victims == len(cases)
    assert books.unattributed == start.unattributed
    assert books.balanced
    for number in range(len(cases)):
        assert asking.closed(f"unit-{number}").outcome == OUTCOME_SURVIVED
        assert asking.kills(f"unit-{number}", "survived") == 1

    guest.run(["systemctl", "stop", "nodewitness"], seconds=START_SECONDS)
    said = guest.run(["nodewitness", "uninstall", "--state"]).out
    assert "removed  trace instance nodewitness-" in said
    assert "removed  /var/lib/nodewitness" in said


def counts_tcx_programs(guest: Guest, *, without: str) -> bool:
    """Whether agent/host/bpf.py gets an answer in a unit that has all of this one's settings but
    its directories, which belong to the agent, and one word of its filter.
    """
    ask = f"{HOME}/current/bin/python3.11 -c 'import agent.host.bpf as b; b.tcx_programs(1)'"
    place = "/run/systemd/system/nodewitness-bpf.service"
    edits = (
        f"s|^ExecStart=.*|ExecStart={ask}|",
        "s|^Type=.*|Type=oneshot|",
        "/^Restart/d",
        "/Directory/d",
        f"/^SystemCallFilter=/s| {without}$||",
    )
    words = " ".join(f'-e "{edit}"' for edit in edits)
    try:
        guest.run(f"sed {words} /etc/systemd/system/nodewitness.service > {place}")
        guest.run("systemctl daemon-reload")
        start = ["systemctl", "start", "nodewitness-bpf"]
        return guest.run(start, check=False, seconds=START_SECONDS).exit_code == 0
    finally:
        guest.run(f"rm {place}; systemctl reset-failed nodewitness-bpf", check=False)
        guest.run("systemctl daemon-reload")


def told_later(asking: Asking, before: OOMBooks, case: Case, unseen: Books) -> None:
    """What fell while no agent was there: the books are exact, and the story is whole."""
    assert case.before is not None
    asking.balanced(before, case.before, unseen)
    assert_story(asking.closed(case.the_container.pod.name), case, unseen)


def restart_around(case: Case, unit: UnitAgent) -> Books:
    """`systemctl restart`, held between its two halves until the case has fired."""
    guest = unit.guest
    guest.run(
        f"rm -f {HOLD} && mkfifo {HOLD} && printf '[Service]\\nTimeoutStartSec=infinity\\n"
        f'ExecStartPre=+/bin/sh -c "read line < {HOLD}"\\n\' > {_DROP_IN}/hold.conf'
        " && systemctl daemon-reload"
    )
    with closing(guest.start(["systemctl", "restart", "nodewitness"])) as restart:
        try:
            until(lambda: held(guest), START_SECONDS, "it is between stop and start", unit.log)
            unseen = case.fire()
            assert held(guest)
            assert not unit.serving()
        finally:
            guest.run(f"timeout 1 sh -c 'echo > {HOLD}'", check=False)
        assert restart.wait(START_SECONDS).exit_code == 0
    unit.wait_serving()
    guest.run(f"rm -f {HOLD} {_DROP_IN}/hold.conf && systemctl daemon-reload")
    return unseen


def held(guest: Guest) -> bool:
    """Whether the old process has ended and the new one has not begun."""
    state = ["systemctl", "show", "-P", "SubState", "nodewitness"]
    return guest.run(state).out == "start-pre\n"


def upgrade_is_whole(unit: UnitAgent, asking: Asking, guest: Guest) -> None:
    """The next version answers, from its own tree, to its own nodectl, and its journal holds what
    the version before has written.
    """
    assert asking.status().identity.version == NEXT_VERSION
    program = guest.run(["readlink", f"/proc/{unit.main_pid()}/exe"]).out
    assert program.startswith(f"{HOME}/{NEXT_VERSION}/")
    said = guest.run(["nodectl", "version", "--timeout", "60s"]).out.split()
    assert said == ["nodectl", NEXT_VERSION, "agent", NEXT_VERSION]
    events = asking.events()
    starts = [e.agent_started.version for e in events if e.WhichOneof("kind") == "agent_started"]
    assert starts == [__version__, __version__, __version__, NEXT_VERSION]


def test_image_is_reproducible(tmp_path: Path) -> None:
    """Built once more, elsewhere, each layer has the same bytes. (On this machine, without a
    guest.)
    """
    build_base(tmp_path)
    build_image(tmp_path, tmp_path)
    for layer in agent_layers():
        assert filecmp.cmp(layer, tmp_path / layer.name, shallow=False), layer


def test_into_a_venv(tmp_path: Path) -> None:
    """`install.sh --python` makes a venv of its own, with the locked versions, and the same links.

    (On this machine, without a guest.)
    """
    done = subprocess.run(
        ["sh", str(PROJECT / "deploy/systemd/install.sh"), "--python"],
        env={**os.environ, "DESTDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    prefix = tmp_path / "opt/nodewitness" / __version__
    assert os.readlink(tmp_path / "opt/nodewitness/current") == __version__
    for name in ("nodewitness", "nodectl"):
        link = tmp_path / "usr/local/bin" / name
        assert os.readlink(link) == f"/opt/nodewitness/current/bin/{name}"
    version = [str(prefix / "bin/nodewitness"), "--version"]
    said = subprocess.run(version, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert said.stdout == f"nodewitness, version {__version__}\n"
    assert (tmp_path / "etc/systemd/system/nodewitness.service").is_file()
