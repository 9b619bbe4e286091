"""-w: the same answer again and again, until Ctrl-C."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import click

WATCH_SECONDS = 2.0


def watch_option(command: Any) -> Any:
    """-w, --watch."""
    return click.option(
        "-w", "--watch", is_flag=True, help="Ask again every 2 s and print anew, until Ctrl-C."
    )(command)


def show(
    ask: Callable[[], str], *, watch: bool, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Print what `ask` gives, once or with `watch` for ever; on a terminal in place."""
    while True:
        text = ask()
        if watch and sys.stdout.isatty():
            click.clear()
        click.echo(text)
        if not watch:
            return
        sleep(WATCH_SECONDS)
