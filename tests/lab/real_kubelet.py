"""A real kubelet in the guest, without an API server (standalone): tools/kubelet.sh builds one.

It asks its runtime for pods and sees none of its own: pods of the lab's making it removes.
"""

import json
import os
from pathlib import Path
from typing import Any

from tests.lab.deadline import until
from tests.lab.guest import Guest

DIRECTORY = "/run/lab/kubelet"
CGROUP = "system.slice/kubelet.service"
CONFIG = "/var/lib/kubelet/config.yaml"
START_SECONDS = 300.0
COPY_SECONDS = 120.0
KUBELET = os.environ.get("NODEWITNESS_KUBELET", "")

_CONFIG = """\
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
readOnlyPort: 10255
cgroupDriver: cgroupfs
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
failSwapOn: false
evictionHard: {memory.available: 100Mi, nodefs.available: 10%}
evictionSoft: {memory.available: 300Mi}
evictionSoftGracePeriod: {memory.available: 1m30s}
"""
_ASK = """
import sys, urllib.request
sys.stdout.buffer.write(
    urllib.request.urlopen("http://127.0.0.1:10255/stats/summary", timeout=30).read()
)
"""


class RealKubelet:
    """Started at once; close it."""

    def __init__(self, guest: Guest, program: Path) -> None:
        self.guest = guest
        guest.run(
            f"mkdir -p {DIRECTORY} /var/lib/kubelet"
            f" && cat > {DIRECTORY}/kubelet && chmod +x {DIRECTORY}/kubelet",
            stdin=program.read_bytes(),
            seconds=COPY_SECONDS,
        )
        guest.write(CONFIG, _CONFIG)
        argv = [f"{DIRECTORY}/kubelet", f"--config={CONFIG}", "--hostname-override=lab"]
        self.process = guest.start(argv, cgroup=CGROUP)

    def wait(self) -> None:
        """Wait until it has statistics."""
        until(self.summary, START_SECONDS, "the kubelet answers", lambda: self.process.err, every=3)

    def summary(self) -> dict[str, Any] | None:
        """/stats/summary; None while it does not answer."""
        if not self.process.running():
            raise AssertionError(f"the kubelet has ended\n{self.process.err}")
        done = self.guest.run(["python3", "-c", _ASK], check=False)
        summary: dict[str, Any] | None = json.loads(done.out) if done.exit_code == 0 else None
        return summary

    def close(self) -> None:
        """End it and remove its files."""
        self.process.close()
        self.guest.run(
            f"rm -rf {DIRECTORY}; cd /var/lib/kubelet && find . -xdev -mindepth 1 -delete",
            check=False,
        )
