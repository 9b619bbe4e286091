"""The runtime does not answer."""

from contextlib import AbstractContextManager

from tests.lab.node import Node


def stopped(node: Node) -> AbstractContextManager[None]:
    """SIGSTOP for containerd: it accepts connections, answers nothing. Always continued."""
    return node.containerd_stopped()
