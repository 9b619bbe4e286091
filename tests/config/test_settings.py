"""The tree of settings: its defaults, its description, its TOML."""

import re
import tomllib
from pathlib import Path

import pytest
from msgspec.structs import fields

from agent.config import Address, Key, Settings, describe, load, render
from agent.config.keys import SECTIONS
from agent.config.settings import Serve

DEFAULTS = {
    "host": {"proc": "/proc", "sys": "/sys", "run": "/run", "root": "/"},
    "node": {"name": "", "protect": True},
    "state": {
        "directory": "/var/lib/nodewitness",
        "max_bytes": "64Mi",
        "max_age": "7d",
        "queue": 8192,
    },
    "serve": {
        "socket": "/run/nodewitness/agent.sock",
        "socket_group": "nodewitness",
        "metrics_address": "127.0.0.1:9754",
        "metrics_max_connections": 16,
        "metrics_header_timeout": "5s",
        "metrics_tls": False,
        "metrics_client_ca": "",
        "cadvisor_names": False,
        "grpc_address": "",
        "health_address": "",
        "tls_certificate": "",
        "tls_key": "",
        "tls_client_ca": "",
        "tls_clients": [],
        "subscriber_queue": 1024,
        "max_subscribers": 64,
    },
    "sources": {
        "kmsg": True,
        "trace": True,
        "probe": True,
        "recorder": "auto",
        "signals": True,
        "connector": True,
        "cni": True,
        "cri": True,
        "cri_socket": "/run/containerd/containerd.sock",
        "cri_timeout": "1s",
        "bundles": "/run/containerd/io.containerd.runtime.v2.task/k8s.io",
        "pod_logs": "/var/log/pods",
        "trace_buffer_bytes": "16Mi",
    },
    "kubelet": {
        "config": "",
        "root_directory": "",
        "image_directory": "",
        "healthz_port": 0,
        "healthz_interval": "5s",
        "healthz_deadline": "5s",
    },
    "api_server": {
        "read_node": False,
        "endpoint": "",
        "server_name": "",
        "ca": "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt",
        "token": "/var/run/secrets/kubernetes.io/serviceaccount/token",
        "client_certificate": "",
        "interval": "10s",
        "deadline": "5s",
    },
    "oom": {
        "outcome_hold": "2s",
        "settle": "2s",
        "series_retention": "1h",
        "max_series": 2000,
        "max_incidents": 10000,
    },
    "conditions": {"event_ttl": "15m", "max": 2000},
    "pressure": {"memory": "150ms", "io": "500ms", "cpu": "800ms", "window": "1s", "hold": "30s"},
    "cni": {
        "conf_dir": "",
        "bin_dirs": [],
        "slow_after": "10s",
        "stalled_after": "30s",
    },
    "network": {"interval": "10s", "leak_grace": "5m", "event_buffer_bytes": "1Mi"},
    "heartbeat": {
        "kubelet_names": ["kubelet"],
        "apiserver_names": ["kube-apiserver"],
        "api_ports": [443, 6443],
        "stalled_after": "10s",
    },
    "runtime": {
        "interval": "5s",
        "version_deadline": "3s",
        "status_deadline": "5s",
        "list_deadline": "10s",
        "pull_stalled_after": "30s",
        "creation_stalled_after": "2m",
    },
    "disks": {"stalled_after": "10s", "blocked_after": "10s"},
    "tick": {"interval": "1s"},
    "sweep": {"interval": "1s"},
}


def test_defaults_are_what_operators_were_told() -> None:
    """The whole tree, as it would stand in the file: a default changes here, knowingly, or not."""
    assert tomllib.loads(render(Settings())) == DEFAULTS


@pytest.mark.parametrize("key", describe(), ids=lambda key: key.name)
def test_every_key_is_described(key: Key) -> None:
    """A key has a default that its own kind takes, a meaning, and a variable."""
    section, name = key.name.split(".")
    default = getattr(getattr(Settings(), section), name)
    written = tomllib.loads(f"value = {key.default}")["value"]
    assert key.kind.read(written) == default
    assert key.meaning
    assert key.environment == f"NODEWITNESS_{section}_{name}".upper()


def test_description_is_complete_and_unambiguous() -> None:
    """No field is left out, and no two keys share a variable."""
    keys = describe()
    assert [key.name for key in keys] == [
        f"{section}.{entry.name}" for section, cls in SECTIONS.items() for entry in fields(cls)
    ]
    assert len({key.environment for key in keys}) == len(keys)


def test_rendered_settings_load_to_themselves(tmp_path: Path) -> None:
    """`render` writes what `load` reads: nothing is lost on the way."""
    odd = Settings(
        serve=Serve(
            socket=Path('/run/a "quoted" \\ path/ü.sock'),
            metrics_address=Address("fd00::1", 1),
            metrics_header_timeout=0.123,
            tls_key=Path("/etc/tls.key"),
            tls_clients=("fleet.example", "spiffe://cluster/ns/*/sa/fleet"),
        )
    )
    file = tmp_path / "config.toml"
    file.write_text(render(odd))
    assert load(file, {}, {}) == odd


def test_settings_are_frozen() -> None:
    """Nobody changes a setting under the feet of another part."""
    with pytest.raises(AttributeError, match="immutable"):
        Settings().serve.max_subscribers = 1  # type: ignore[misc]


def test_rendered_form_is_for_people() -> None:
    """One table a section, a blank line between them, in the order of `describe`."""
    text = render(Settings())
    assert re.findall(r"^\[(\w+)\]$", text, re.MULTILINE) == list(DEFAULTS)
    assert text.startswith("[host]\nproc = ")
    assert '\n\n[node]\nname = ""\nprotect = true\n\n[state]\n' in text
    assert text.endswith('interval = "1s"\n')
