"""Machines take turns: one guest at a time, and each kind is booted once if tests come in order.

An emulated guest can hang for good: seen once, as a soft lockup in an rmdir of the clean slate; why
is not known. One guest's end must not be the end of every test after it.
"""

from collections.abc import Callable

from tests.lab.agent_process import load_code
from tests.lab.build import build
from tests.lab.guest import Guest
from tests.lab.kubelet import Pods, clean
from tests.lab.machine import Machine
from tests.lab.machines import MachineConfig
from tests.lab.node import Node
from tests.lab.wire import GuestHangsError

ANSWER_SECONDS = 120.0

Report = Callable[[str], None]


class Turns:
    """The node that runs now. Close it."""

    def __init__(self, report: Report) -> None:
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
        self._machine = Machine(build(self._report, config), config)
        self._node = Node(Guest(self._machine.start()))
        self._node.up()
        load_code(self._node.guest)
        return self._node

    def clean_node(self, config: MachineConfig) -> Node:
        """The same, with a clean slate. A guest that hangs while it is cleaned is reported, with
        where it hangs, and another takes its place, once.
        """
        node = self.node(config)
        try:
            clean(Pods(node))
        except Exception as error:
            try:
                node.guest.check(ANSWER_SECONDS)
            except GuestHangsError as hangs:
                self._report(f"another guest takes the place of one that hangs:\n{error}\n{hangs}")
                node = self.node(config)
                clean(Pods(node))
                return node
            raise
        return node

    def close(self) -> None:
        """End the guest that runs."""
        node, machine = self._node, self._machine
        self._node = self._machine = None
        try:
            if node is not None:
                node.close()
        finally:
            if machine is not None:
                machine.stop()
