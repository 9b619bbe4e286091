"""The host's side of guest/labd.c: frames on a TCP connection, one connection for each command."""

import contextlib
import errno
import os
import socket
import struct
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

CONNECT_SECONDS = 60.0
CHUNK = 1 << 16  # labd takes frames of up to 1 MiB


class GuestError(RuntimeError):
    """A command in the guest failed, or the guest does not answer."""


class GuestCommandError(GuestError):
    """A command has ended with another exit code than 0."""


class GuestTimeoutError(GuestError, TimeoutError):
    """Something in the guest takes longer than its deadline."""


class GuestHangsError(GuestError):
    """The guest takes no commands any more, and was ended for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """How a command in the guest ended."""

    exit_code: int
    """Minus the signal's number when a signal ended it."""
    out: str
    err: str


def connect(port: int) -> socket.socket:
    """A connection to labd; the caller closes it."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=CONNECT_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def send_frame(connection: socket.socket, kind: str, payload: bytes) -> None:
    """Send one frame."""
    connection.sendall(kind.encode() + struct.pack(">I", len(payload)) + payload)


def receive_frame(connection: socket.socket) -> tuple[str, bytes]:
    """Receive one frame; raises GuestError when the guest hangs up."""
    kind, size = struct.unpack(">cI", _exactly(connection, 5))
    return kind.decode(), _exactly(connection, size)


def _exactly(connection: socket.socket, size: int) -> bytes:
    chunks = bytearray()
    while len(chunks) < size:
        chunk = connection.recv(size - len(chunks))
        if not chunk:
            raise GuestError("the guest has hung up")
        chunks += chunk
    return bytes(chunks)


def read_file(port: int, path: str) -> bytes:
    """A file of the guest, as far as it can be read without waiting. OSError as in the guest."""
    with connect(port) as connection:
        send_frame(connection, "G", path.encode())
        data = bytearray()
        while True:
            kind, payload = receive_frame(connection)
            if kind == "X":
                return bytes(data)
            if kind == "F":
                number = int(payload)
                raise OSError(number, os.strerror(number), path)
            data += payload


class Process:
    """A command that runs in the guest. It is killed when this is closed; its output is kept.

    `flags` are labd's: p for a pty, w for the interpreter that is warm.
    """

    def __init__(self, port: int, argv: Sequence[str], cgroup: str, *, flags: str = "") -> None:
        self.argv = tuple(argv)
        self.cgroup = cgroup
        self._out, self._err = bytearray(), bytearray()
        self._changed = threading.Condition()
        self._exit_code: int | None = None
        self._failure: Exception | None = None
        words = (cgroup, flags, *argv)
        self._connection = connect(port)
        try:
            send_frame(self._connection, "R", b"".join(w.encode() + b"\0" for w in words))
            kind, payload = receive_frame(self._connection)
        except BaseException:
            self._connection.close()
            raise
        if kind == "F":
            self._connection.close()
            code = errno.errorcode.get(int(payload), payload.decode())
            raise GuestError(f"{code}: cannot start {self.argv} in {cgroup}")
        self.pid = int(payload)
        self._connection.settimeout(None)
        self._reader = threading.Thread(target=self._read, name=f"guest {self.pid}", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        try:
            while self._exit_code is None:
                kind, payload = receive_frame(self._connection)
                with self._changed:
                    if kind == "O":
                        self._out += payload
                    elif kind == "E":
                        self._err += payload
                    elif kind == "X":
                        self._exit_code = int(payload)
                    self._changed.notify_all()
        except (OSError, GuestError) as error:
            with self._changed:
                self._failure = error
                self._changed.notify_all()

    @property
    def out(self) -> str:
        """Its stdout so far."""
        with self._changed:
            return self._out.decode(errors="replace")

    @property
    def err(self) -> str:
        """Its stderr so far."""
        with self._changed:
            return self._err.decode(errors="replace")

    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._exit_code is None and self._failure is None

    def end(self) -> str:
        """How it ended, for an error message."""
        if self._failure is not None:
            return str(self._failure)
        return f"exit code {self._exit_code}"

    def take_out(self) -> bytes:
        """Wait for stdout, return and forget it; empty at the end. For a terminal."""
        with self._changed:
            self._changed.wait_for(lambda: self._out or not self.running())
            data = bytes(self._out)
            self._out.clear()
            return data

    def send(self, data: bytes) -> None:
        """Write to its stdin."""
        for start in range(0, len(data), CHUNK):
            send_frame(self._connection, "I", data[start : start + CHUNK])

    def end_input(self) -> None:
        """Close its stdin."""
        send_frame(self._connection, "I", b"")

    def resize(self, rows: int, columns: int) -> None:
        """Set the size of its terminal."""
        send_frame(self._connection, "W", f"{rows} {columns}".encode())

    def signal(self, number: int) -> None:
        """Send a signal to its process group."""
        send_frame(self._connection, "S", str(int(number)).encode())

    def wait_out(self, text: str, seconds: float) -> None:
        """Wait until its stdout contains a text."""
        self._wait(lambda: text.encode() in self._out or not self.running(), seconds, repr(text))
        if text.encode() not in self._out:
            raise GuestError(f"{self.argv} ended without writing {text!r}: {self.out}{self.err}")

    def wait(self, seconds: float) -> Completed:
        """Wait for its end; GuestTimeoutError if it runs on, GuestError if the guest is gone."""
        self._wait(lambda: not self.running(), seconds, "its end")
        if self._exit_code is None:
            raise GuestError(f"{self.argv}: {self._failure}; so far: {self.out}{self.err}")
        return Completed(exit_code=self._exit_code, out=self.out, err=self.err)

    def _wait(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        with self._changed:
            if not self._changed.wait_for(condition, seconds):
                out, err = self._out.decode(errors="replace"), self._err.decode(errors="replace")
                raise GuestTimeoutError(
                    f"{self.argv}: {what} not in {seconds:g} s; so far: {out}{err}"
                )

    def close(self) -> None:
        """Kill it if it still runs, and hang up. May be called again."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._reader.join(CONNECT_SECONDS)
        self._connection.close()
