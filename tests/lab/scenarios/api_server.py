"""A stand-in for the API server in the guest: HTTPS with a CA of its own, one Node and its lease.

It believes what the files of its directory say, each time anew: `ready` is the status of Ready,
`token` the one that it takes, and if there is `forbidden` nobody may read nodes.
"""

import io
import tarfile

from tests.certificates import Authority
from tests.lab.guest import Guest
from tests.lab.wire import Process

DIRECTORY = "/run/lab/api-server"
PORT = 6499
NODE = "lab-node"
SETTINGS = {
    "api_server.read_node": "true",
    "api_server.endpoint": f"127.0.0.1:{PORT}",
    "api_server.server_name": "kubernetes",
    "api_server.ca": f"{DIRECTORY}/ca.pem",
    "api_server.token": f"{DIRECTORY}/mounted-token",
    "api_server.interval": "1s",
    "api_server.deadline": "20s",
    "node.name": NODE,
}

_PROGRAM = f"""\
import datetime, json, os, ssl
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NODES = "/api/v1/nodes/{NODE}"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{NODE}"

def said(name):
    return open("{DIRECTORY}/" + name).read().strip()

def refused(code, reason, message):
    return code, dict(kind="Status", status="Failure", reason=reason, message=message, code=code)

def node():
    conditions = [("MemoryPressure", "False"), ("DiskPressure", "False"), ("PIDPressure", "False"),
                  ("Ready", said("ready"))]
    now = datetime.datetime.utcnow().strftime("%Y-%m-%dT%H:%M:%SZ")
    return dict(kind="Node", metadata=dict(name="{NODE}"), status=dict(conditions=[
        dict(type=kind, status=status, reason="FromTheLab", message="as it is told",
             lastHeartbeatTime=now, lastTransitionTime="2026-01-01T00:00:00Z")
        for kind, status in conditions]))

def lease():
    now = datetime.datetime.utcnow().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return dict(kind="Lease", spec=dict(holderIdentity="{NODE}", leaseDurationSeconds=40,
                                        renewTime=now))

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        if self.headers["Authorization"] != "Bearer " + said("token"):
            return refused(401, "Unauthorized", "Unauthorized")
        if os.path.exists("{DIRECTORY}/forbidden"):
            return refused(403, "Forbidden", 'nodes "{NODE}" is forbidden: User "lab" cannot get'
                           ' resource "nodes" in API group "" at the cluster scope')
        made = {{NODES: node, LEASES: lease}}.get(self.path.partition("?")[0])
        return (200, made()) if made else refused(404, "NotFound", self.path + " not found")

    def do_GET(self):
        code, answer = self.answer()
        data = json.dumps(answer).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("{DIRECTORY}/server.pem", "{DIRECTORY}/server.key")
server = ThreadingHTTPServer(("127.0.0.1", {PORT}), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""


def stand_in(guest: Guest, authority: Authority) -> Process:
    """It runs, and believes the node Ready; close it. The agent needs SETTINGS."""
    authority.issue("kubernetes", to="server")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path in authority.directory.iterdir():
            tar.add(path, path.name)
    guest.run(
        f"rm -rf {DIRECTORY} && mkdir -p {DIRECTORY} && tar -x -C {DIRECTORY}",
        stdin=archive.getvalue(),
    )
    believes(guest, "True")
    takes(guest, "one")
    guest.write(f"{DIRECTORY}/program", _PROGRAM)
    return guest.start(["python3", f"{DIRECTORY}/program"])


def believes(guest: Guest, ready: str) -> None:
    """It has this status of Ready from now on."""
    guest.write(f"{DIRECTORY}/ready.new", ready)
    guest.run(f"mv {DIRECTORY}/ready.new {DIRECTORY}/ready")


def takes(guest: Guest, token: str) -> None:
    """Another token is good from now on, and the agent's file has it, as a kubelet replaces it."""
    guest.write(f"{DIRECTORY}/token.new", token)
    guest.run(
        f"cd {DIRECTORY} && cp token.new mounted-token.new && mv mounted-token.new mounted-token"
        " && mv token.new token"
    )
