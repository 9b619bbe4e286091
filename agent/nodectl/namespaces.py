"""`-n` and `-A`, as kubectl has them, for every command that tells of pods."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click


def of_namespaces(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command both options; it takes `namespace`, "" for all of them."""

    @functools.wraps(command)
    def narrowed(*args: Any, namespace: str, everywhere: bool, **others: Any) -> Any:
        return command(*args, namespace="" if everywhere else namespace, **others)

    options = (
        click.option(
            "-A",
            "--all-namespaces",
            "everywhere",
            is_flag=True,
            help="Of all namespaces; so it is without -n, too.",
        ),
        click.option("-n", "--namespace", default="", help="Only of this Kubernetes namespace."),
    )
    for option in options:
        narrowed = option(narrowed)
    return narrowed
