"""A stand-in for the kubelet: a process of that name that answers healthz as it is told to, that
reads from the slow disk (scenarios.slow_disk), and that calls an API server on this node.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from tests.lab.guest import Guest
from tests.lab.scenarios.slow_disk import MOUNT
from tests.lab.wire import Process

DIRECTORY = "/run/lab/stand-in"
CGROUP = "system.slice/kubelet.service"
PORT = 10299
API_PORT = 6443
"""Where it finds the API server, of 127.0.0.1."""
FILE = f"{MOUNT}/read"
"""What it reads: a block of it, past all caches."""

_PROGRAM = f"""\
import mmap, os, socket, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

def told(word):
    return os.path.exists("{DIRECTORY}/" + word)

def spin():
    while True:
        while told("spin"):
            sum(range(1000))
        time.sleep(0.2)

def read():
    into = mmap.mmap(-1, 4096)
    while True:
        while not told("read"):
            time.sleep(0.2)
        file = os.open("{FILE}", os.O_RDONLY | os.O_DIRECT)
        os.preadv(file, [into], 0)
        os.close(file)

def call():
    while True:
        while not told("call"):
            time.sleep(0.2)
        with socket.create_connection(("127.0.0.1", {API_PORT})) as peer:
            while told("call"):
                peer.sendall(b"beat")
                peer.recv(4096)
                time.sleep(0.2)

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        while told("hang"):
            time.sleep(0.2)
        sick = told("sick")
        self.send_response(500 if sick else 200)
        self.end_headers()
        self.wfile.write(b"[+]ping ok\\n[-]syncloop failed" if sick else b"ok")

    def log_message(self, *args):
        pass

for _ in range(4):
    threading.Thread(target=spin, daemon=True).start()
threading.Thread(target=read, daemon=True).start()
threading.Thread(target=call, daemon=True).start()
ThreadingHTTPServer(("127.0.0.1", {PORT}), Handler).serve_forever()
"""


def stand_in(guest: Guest) -> Process:
    """It runs; close it. The agent finds it by its name, and its port by its flag."""
    guest.run(
        f"mkdir -p {DIRECTORY} && rm -f {DIRECTORY}/*"
        f' && ln -s "$(readlink -f "$(command -v python3)")" {DIRECTORY}/kubelet'
    )
    guest.write(f"{DIRECTORY}/program", _PROGRAM)
    argv = [f"{DIRECTORY}/kubelet", f"{DIRECTORY}/program", f"--healthz-port={PORT}"]
    return guest.start(argv, cgroup=CGROUP)


def told(guest: Guest, word: str) -> AbstractContextManager[None]:
    """It is told "hang", "sick", "spin", "read" or "call", and no more afterwards."""

    @contextmanager
    def telling() -> Iterator[None]:
        guest.run(f"touch {DIRECTORY}/{word}")
        try:
            yield
        finally:
            guest.run(f"rm {DIRECTORY}/{word}")

    return telling()
