"""agent.parse.cni_config"""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent.model.absence import ParseError
from agent.parse.cni_config import NetworkConfig, parse_conf, parse_conflist

LIST: dict[str, Any] = {
    "cniVersion": "1.0.0",
    "name": "lab",
    "plugins": [{"type": "bridge", "ipam": {"type": "host-local"}}, {"type": "portmap"}],
}


def encoded(**changes: Any) -> bytes:
    return json.dumps(LIST | changes).encode()


def test_conflist() -> None:
    """Each plugin, and its IPAM plugin behind it."""
    assert parse_conflist(encoded()) == NetworkConfig(
        network="lab", version="1.0.0", types=("bridge", "host-local", "portmap")
    )
    assert parse_conflist(encoded(name="a\n", plugins=[{"type": "x", "ipam": {}}])).network == (
        "a\\x0a"
    )


def test_conf() -> None:
    """One plugin, with or without a name."""
    assert parse_conf(b'{"type": "ptp", "ipam": {"type": "dhcp"}}') == NetworkConfig(
        network="", version="", types=("ptp", "dhcp")
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"{nonsense", "in JSON"),
        (b"[" * 100_000, "in JSON"),
        (b"[]", "an object"),
        (encoded(name=None), "a name"),
        (encoded(plugins=None), "the key 'plugins'"),
        (encoded(plugins=[]), "plugins in the list"),
        (encoded(plugins={}), "plugins in the list"),
        (encoded(plugins=[{}]), "a plugin with a 'type'"),
        (encoded(plugins=["bridge"]), "a plugin with a 'type'"),
        (encoded(plugins=[{"type": "x", "ipam": "y"}]), "an 'ipam' that is an object"),
        (encoded(plugins=[{"type": "x", "ipam": {"type": 1}}]), "an ipam 'type'"),
        (encoded(cniVersion=1), "a cniVersion"),
    ],
)
def test_broken_list(data: bytes, words: str) -> None:
    """What the runtime does not load either."""
    with pytest.raises(ParseError, match=words):
        parse_conflist(data)


@pytest.mark.parametrize("data", [b"{}", b'{"name": 1, "type": "x"}', b'{"type": ""}', b"null"])
def test_broken_conf(data: bytes) -> None:
    with pytest.raises(ParseError):
        parse_conf(data)
