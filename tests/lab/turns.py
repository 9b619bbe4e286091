"""Machines take turns: one guest at a time, and each kind is booted once if tests come in order.

An emulated guest can hang for good: a processor that waits for the other one's answer to an
interrupt ("soft lockup", seen once in some thousand rmdir of a trace instance). That is no finding
about the agent, and one guest's end must not be the end of every test after it.
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
from tests.lab.wire import GuestError, GuestHangsError

ANSWER_SECONDS = 120.0
# In MiB: an interpreter that is kept warm has 50, which a small node would miss.
ROOM_TO_BE_WARM = 2048

Report = Callable[[str], None]


class Turns:
    """The node that runs now. Close it."""

    def __init__(self, report: Report) -> None:
        self.replaced: list[str] = []
        """Of each guest that another took the place of: where it hung, or what stayed behind."""
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
        self.close()
        self._machine = self._booted(config)
        self._node = Node(Guest(self._machine))
        self._node.up()
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

    def clean_node(self, config: MachineConfig) -> Node:
        """The same, with a clean slate. A guest that cannot be cleaned, for it hangs or for what
        the test before has left behind, is ended and another takes its place: what one test has
        broken is no finding about those that follow.
        """
        node = self.node(config)
        try:
            clean(Pods(node))
            return node
        except (GuestError, DeadlineError, grpc.RpcError) as error:
            try:
                node.guest.check(ANSWER_SECONDS)
                self.replaced.append(f"a guest could not be cleaned: {error}\n{node.what_hangs()}")
            except GuestHangsError as hangs:
                self.replaced.append(f"a guest hung while it was cleaned: {error}\n{hangs}")
        self.close()
        node = self.node(config)
        clean(Pods(node))
        return node

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
