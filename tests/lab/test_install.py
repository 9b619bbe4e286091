"""The agent as a service of the host: installed by deploy/systemd, killed, replaced, taken away."""

import filecmp
import io
import os
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import __version__
from agent.api.v1.oom_pb2 import OUTCOME_SURVIVED
from agent.api.v1.status_pb2 import Source
from tests.lab.asking import Asking
from tests.lab.cache import PROJECT
from tests.lab.deadline import until
from tests.lab.deployed import UnitAgent, without_the_labs_own
from tests.lab.guest import Guest
from tests.lab.image import agent_layers
from tests.lab.kubelet import Pods
from tests.lab.machines import SYSTEMD
from tests.lab.scenarios.container_limit import child_over_limit
from tests.lab.stories import assert_story, fire
from tools.image.__main__ import build_base, build_image

pytestmark = pytest.mark.machine(SYSTEMD)

MIB = 1 << 20
PLACE = "/run/lab/install"
COPY_SECONDS = 600.0
START_SECONDS = 120.0
SEES_SECONDS = 120.0
NOT_IN_THE_LAB = {"connections", "kubelet", "healthz", "filesystems"}
_DROP_IN = "/run/systemd/system/nodewitness.service.d"


@pytest.fixture
def unit(guest: Guest) -> Iterator[UnitAgent]:
    """The unit, installed and started; all of it is gone at the end."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for file in (*agent_layers(), *sorted((PROJECT / "deploy/systemd").iterdir())):
            tar.add(file, file.name)
    carry = f"mkdir -p {PLACE} && tar -x -C {PLACE}"
    guest.run(carry, stdin=archive.getvalue(), seconds=COPY_SECONDS)
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


def unseeing(asking: Asking) -> set[str]:
    """The sources that do not see."""
    return {s.name for s in asking.status().sources if s.state != Source.STATE_UP}


def install(guest: Guest) -> None:
    """As an operator does, with what `make image` has made."""
    guest.run(["sh", f"{PLACE}/install.sh", "--image", PLACE], seconds=START_SECONDS)


def test_service(unit: UnitAgent, pods: Pods, guest: Guest, figures: list[str]) -> None:
    """It sees all that it sees without its sandbox; killed and upgraded, it loses nothing."""
    asking = Asking(unit)
    start = asking.settled()
    cases = [child_over_limit(pods, name=f"unit-{number}") for number in range(3)]
    until(lambda: unseeing(asking) <= NOT_IN_THE_LAB, SEES_SECONDS, "all is seen", unit.log)
    figures.append(f"service: {asking.status().self.resident_bytes / MIB:.1f} MiB resident")
    guards = until(
        lambda: asking.status().self.protections, SEES_SECONDS, "it is protected", unit.log
    )
    assert {each.name for each in guards if each.got} >= {"oom_score_adj", "mlock2", "memory.min"}
    kernel, _ = fire(cases[0], asking)
    assert_story(asking.closed("unit-0"), cases[0], kernel)

    first = unit.main_pid()
    guest.run(["systemctl", "kill", "--signal=KILL", "nodewitness"])
    unseen = cases[1].fire()
    began = time.monotonic()
    until(lambda: unit.main_pid() not in (0, first), 120, "systemd has started it anew")
    unit.wait_serving()
    figures.append(f"service: serves {time.monotonic() - began:.1f} s after SIGKILL")
    assert_story(asking.closed("unit-1"), cases[1], unseen)

    second = unit.main_pid()
    install(guest)
    guest.run(["systemctl", "restart", "nodewitness"], seconds=START_SECONDS)
    assert unit.main_pid() not in (0, second)
    unit.wait_serving()
    kernel, books = fire(cases[2], asking)
    assert_story(asking.closed("unit-2"), cases[2], kernel)

    assert books.victims - start.victims == len(cases)
    assert books.unattributed == start.unattributed
    for number in range(len(cases)):
        assert asking.closed(f"unit-{number}").outcome == OUTCOME_SURVIVED
        assert asking.kills(f"unit-{number}", "survived") == 1

    guest.run(["systemctl", "stop", "nodewitness"], seconds=START_SECONDS)
    said = guest.run(["nodewitness", "uninstall", "--state"]).out
    assert "removed  trace instance nodewitness-" in said
    assert "removed  /var/lib/nodewitness" in said


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
