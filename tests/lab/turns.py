"""Machines take turns: one guest at a time, and each kind is booted once if tests come in order.

An emulated guest can hang for good ("soft lockup", seen once in some thousand rmdir of a trace
instance, where its processors had a thread of the host each). That is no finding about the agent,
and one guest's end must not be the end of every test after it.
"""

from collections.abc import Callable

import grpc

from tests.lab.agent_process import load_code, warm_up
from tests.lab.build import build
from tests.lab.deadline import DeadlineError
from tests.lab.guest import Guest
from tests.lab.kubelet import Pods, clean
from tests.lab.machine import Machine, MachineError
from tests.lab.machines import MachineConfig
from tests.lab.node import Node
from tests.lab.wire import GuestCommandError, GuestError, GuestHangsError, GuestTimeoutError

ANSWER_SECONDS = 120.0
# In MiB: an interpreter that is kept warm has 50, which a small node would miss.
ROOM_TO_BE_WARM = 2048

Report = Callable[[str], None]


class Turns:
    """The node that runs now. Close it."""

    def __init__(self, report: Report) -> None:
        self.replaced: list[str] = []
        """Of each guest that another took the place of: where it hung, or its runtime did."""
        self.left_behind: list[str] = []
        """What a test has left that could not be taken away: the run has failed."""
        self._test = "its boot"
        self._report = report
        self._machine: Machine | None = None
        self._node: Node | None = None

    def node(self, config: MachineConfig) -> Node:
        """A node of this kind with containerd: the one that runs, else it makes room for another.
        One whose guest has ended is replaced.

        What the machine boots from is built if it is not there.
        """
        if self._node is not None:
            machine = self._node.guest.machine
            if machine.config == config and machine.alive():
                return self._node
            self.leave()
        self.close()
        self._machine = self._booted(config)
        self._node = Node(Guest(self._machine))
        self._node.up()
        self._test = "its boot"
        load_code(self._node.guest)
        if config.memory_mib >= ROOM_TO_BE_WARM:
            warm_up(self._node.guest)
        return self._node

    def _booted(self, config: MachineConfig) -> Machine:
        """A guest that takes commands. One that does not come up gets a second chance, and the
        run's last lines say so: an emulated kernel can hang at its boot as well.
        """
        artefacts = build(self._report, config)
        machine = Machine(artefacts, config)
        try:
            return machine.start()
        except MachineError as error:
            machine.stop()
            self.replaced.append(f"a guest did not boot: {error}")
        return Machine(artefacts, config).start()

    def clean_node(self, config: MachineConfig, test: str) -> Node:
        """The same, with a clean slate, for a test of this name. A guest that cannot be cleaned is
        ended and another takes its place: what one test has broken is no finding about those that
        follow. It is one about that test, unless the guest hangs or its runtime stumbles.
        """
        node = self.node(config)
        if not self._cleaned(node):
            self.close()
            node = self.node(config)
            clean(Pods(node))
        self._test = test
        return node

    def leave(self) -> None:
        """Look at what the last test on the guest that runs has left."""
        node = self._node
        if node is not None and node.guest.machine.alive():
            self._cleaned(node)

    def _cleaned(self, node: Node) -> bool:
        try:
            clean(Pods(node))
        except (GuestError, DeadlineError, grpc.RpcError) as error:
            self._note(node, error)
            return False
        return True

    def _note(self, node: Node, error: Exception) -> None:
        try:
            node.guest.check(ANSWER_SECONDS)
        except GuestHangsError as hangs:
            self.replaced.append(f"after {self._test} a guest hung: {error}\n{hangs}")
            return
        except GuestError as ended:
            self.replaced.append(f"after {self._test} a guest ended: {error}\n{ended}")
            return
        said = f"{error}\n{node.what_hangs()}"
        if isinstance(error, (GuestCommandError, GuestTimeoutError)):
            self.left_behind.append(f"by {self._test}: {said}")
        else:
            self.replaced.append(f"after {self._test} a guest could not be cleaned: {said}")

    def close(self) -> None:
        """End the guest that runs."""
        node, machine = self._node, self._machine
        self._node = self._machine = None
        try:
            if node is not None:
                if node.guest.warm is not None:
                    node.guest.warm.close()
                node.close()
        finally:
            if machine is not None:
                machine.stop()
