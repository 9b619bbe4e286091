"""This terminal, connected to a process of the guest."""

import os
import shutil
import signal
import sys
import termios
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager

from tests.lab.wire import Process

END_SECONDS = 10.0


def attach(process: Process) -> int:
    """Pass keys and output until the process ends; its exit code. stdin may be a pipe too."""
    interactive = sys.stdin.isatty()
    with _raw() if interactive else _as_is():
        if interactive:
            _follow_size(process)
        threading.Thread(target=_pass_input, args=(process,), daemon=True).start()
        while data := process.take_out():
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
    done = process.wait(END_SECONDS)
    sys.stderr.write(done.err)
    process.close()
    return done.exit_code if done.exit_code >= 0 else 128 - done.exit_code


def _pass_input(process: Process) -> None:
    try:
        while data := os.read(sys.stdin.fileno(), 4096):
            process.send(data)
        process.end_input()
    except OSError:
        return  # the process has ended, and its connection with it


def _follow_size(process: Process) -> None:
    def resize(*_: object) -> None:
        size = shutil.get_terminal_size()
        process.resize(size.lines, size.columns)

    signal.signal(signal.SIGWINCH, resize)
    resize()


@contextmanager
def _as_is() -> Iterator[None]:
    yield


@contextmanager
def _raw() -> Iterator[None]:
    """Every key goes through, Ctrl-C too; the terminal is put back at the end."""
    before = termios.tcgetattr(sys.stdin)
    tty.setraw(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
