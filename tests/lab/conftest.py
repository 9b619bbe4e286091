"""Fixtures of the lab: one boot for all tests on a kind of machine, a clean slate before each.

A test runs on a node with the cgroupfs driver unless it or its module is marked with another kind:
`pytestmark = pytest.mark.machine(SYSTEMD)`. Every fixture is the same on each. Tests are put in
order of their machines: a process has one guest at a time, and boots each kind about once. `make
test` has two such processes (pytest-xdist), to which the tests are dealt out in this order.

A machine that cannot build the lab (no root) skips its tests; under CI=true that is an error.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.lab.agent_process import AgentProcess
from tests.lab.asking import Asking
from tests.lab.build import Artefacts, build
from tests.lab.guest import Guest
from tests.lab.kubelet import Pods
from tests.lab.machines import CGROUPFS, EVERY, MachineConfig
from tests.lab.node import Node
from tests.lab.turns import ANSWER_SECONDS, Turns
from tests.lab.wire import GuestHangsError

HERE = Path(__file__).parent
HANGS = pytest.StashKey[str]()
FIGURES = pytest.StashKey[list[str]]()
LEFT_BEHIND = pytest.StashKey[list[str]]()
HANDED_OVER = {"figures": FIGURES, "left_behind": LEFT_BEHIND}
LINES_AT_ONCE = 60


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever lies in this directory is a test of the lab; it waits for its machine's turn."""

    def turn(item: pytest.Item) -> int:
        if HERE not in item.path.parents:
            return -1
        kind = machine_of(item)
        return EVERY.index(kind) if kind in EVERY else len(EVERY)

    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.lab)
    items.sort(key=turn)


class OneByOne(LoadScopeScheduling):  # type: ignore[misc]
    """Deals the tests out one by one, so that no process waits for another's last file. One of them
    has all the storms: their table is one, and so are the boots of their machines.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if file.endswith("/test_storm.py") else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Asked for where there are several processes."""
    return OneByOne(config, log)


def machine_of(item: pytest.Item) -> MachineConfig:
    """The kind of machine that a test is marked with."""
    marker = item.get_closest_marker("machine")
    if marker is None:
        return CGROUPFS
    (kind,) = marker.args
    assert isinstance(kind, MachineConfig)
    return kind


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """A test whose guest hung is repeated once on another guest, and the run says so at its end.
    A guest that ended by itself, or a test that fails on one that answers, is not repeated.
    """
    if HERE not in item.path.parents:
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, log=False, nextitem=nextitem)
    if hangs := item.stash.get(HANGS, ""):
        del item.stash[HANGS]
        figures = item.config.stash.setdefault(FIGURES, [])
        figures.append(f"{item.nodeid} was repeated, for its guest hung: {hangs}")
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


class AtOnce:
    """Says why a test has failed when it fails: a run that is cut off has no end to say it at."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """The end of what pytest tells of it."""
        terminal = self._config.pluginmanager.getplugin("terminalreporter")
        if report.failed and terminal is not None:
            terminal.section(f"{report.when} of {report.nodeid}")
            for line in report.longreprtext.splitlines()[-LINES_AT_ONCE:]:
                terminal.write_line(line)


def pytest_configure(config: pytest.Config) -> None:
    """Only the process that prints does it."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(AtOnce(config))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker hands over what it has measured. A run fails for what a test has left behind too."""
    stash = session.config.stash
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output.update({name: stash.get(key, []) for name, key in HANDED_OVER.items()})
    elif stash.get(LEFT_BEHIND, []) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """The one who prints takes it."""
    output = getattr(node, "workeroutput", {})  # none from one that has crashed
    for name, key in HANDED_OVER.items():
        node.config.stash.setdefault(key, []).extend(output.get(name, []))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """What the tests measured is printed by every run, passed or not."""
    figures = config.stash.get(FIGURES, [])
    if figures:
        figures.sort()
        terminalreporter.section("figures of the lab (software emulation: read the ratios)")
        for figure in figures:
            terminalreporter.write_line(figure)
    if left := config.stash.get(LEFT_BEHIND, []):
        terminalreporter.section("left behind, and could not be taken away: the run has failed")
        for one in left:
            terminalreporter.write_line(one)


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> list[str]:
    """Lines for the end of the run's output."""
    return request.config.stash.setdefault(FIGURES, [])


@pytest.fixture(scope="session")
def buildable() -> None:
    """Skips where the lab is neither built nor can be."""
    if os.environ.get("CI") != "true" and os.geteuid() != 0 and not shutil.which("debootstrap"):
        pytest.skip("the lab has not been built, and only root can build it")


@pytest.fixture(scope="session")
def artefacts(buildable: None) -> Artefacts:
    """What the lab boots from; built if it is not there."""
    return build(print)


@pytest.fixture(scope="session")
def turns(buildable: None, pytestconfig: pytest.Config) -> Iterator[Turns]:
    """The machines, one at a time; tests take `node`, which is clean."""
    machines = Turns(print)
    yield machines
    machines.leave()
    machines.close()
    pytestconfig.stash.setdefault(FIGURES, []).extend(machines.replaced)
    pytestconfig.stash.setdefault(LEFT_BEHIND, []).extend(machines.left_behind)


@pytest.fixture
def node(turns: Turns, request: pytest.FixtureRequest) -> Iterator[Node]:
    """A clean node: no pods, no agent and no state of one, containerd running."""
    node = turns.clean_node(machine_of(request.node), request.node.nodeid)
    yield node
    node.end_commands()
    try:
        node.guest.check(ANSWER_SECONDS)
    except GuestHangsError as hangs:
        request.node.stash[HANGS] = str(hangs)
        raise


@pytest.fixture
def guest(node: Node) -> Guest:
    """Commands in the guest."""
    return node.guest


@pytest.fixture
def pods(node: Node, figures: list[str], request: pytest.FixtureRequest) -> Iterator[Pods]:
    """The node's pods; the next test's clean slate removes them."""
    made = Pods(node)
    yield made
    if made.failed_starts:
        said = f"{len(made.failed_starts)} containers were started again: {made.failed_starts[0]}"
        figures.append(f"{request.node.nodeid}: {said}")


@pytest.fixture
def agent(guest: Guest, request: pytest.FixtureRequest) -> Iterator[AgentProcess]:
    """The agent, not started yet; its log is shown when the test fails."""
    process = AgentProcess(guest)
    try:
        yield process
    finally:
        print(process.log())
        process.close()


@pytest.fixture
def asking(agent: AgentProcess) -> Asking:
    """The agent, running."""
    agent.start()
    return Asking(agent)
