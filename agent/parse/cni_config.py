"""A CNI configuration: NAME.conflist, or one plugin in NAME.conf or NAME.json

    {"cniVersion": "1.0.0", "name": "lab",
     "plugins": [{"type": "bridge", "ipam": {"type": "host-local", ...}}, {"type": "portmap"}]}
    {"cniVersion": "0.4.0", "name": "lab", "type": "ptp", "ipam": {"type": "host-local"}}

What fails here fails in libcni too, in much the same words (ConfListFromBytes and ConfFromBytes,
libcni/conf.go, of CNI 1.x; loadFromConfDir, containerd/go-cni).

https://www.cni.dev/docs/spec/#section-1-network-configuration-format
"""

from __future__ import annotations

import json
from typing import Any

from msgspec import Struct

from agent.model.absence import ParseError
from agent.parse.names import printable

EXTENSIONS = (".conf", ".conflist", ".json")


class NetworkConfig(Struct, frozen=True, kw_only=True):
    """What it names. `types`: each plugin's, followed by its IPAM plugin's."""

    network: str
    version: str
    types: tuple[str, ...]


def parse_conflist(data: bytes) -> NetworkConfig:
    """A list of plugins. Raises ParseError, in libcni's words."""
    found = _object(data, "a configuration list")
    name, plugins = found.get("name"), found.get("plugins")
    if not isinstance(name, str):
        raise ParseError("a configuration list with a name", _shown(name))
    if plugins is None:
        raise ParseError("a configuration list with the key 'plugins'", "none")
    if not isinstance(plugins, list) or not plugins:
        raise ParseError("plugins in the list", _shown(plugins))
    types: list[str] = []
    for plugin in plugins:
        types += _types(plugin)
    return NetworkConfig(network=_printable(name), version=_version(found), types=tuple(types))


def parse_conf(data: bytes) -> NetworkConfig:
    """A single plugin. Raises ParseError, in libcni's words."""
    found = _object(data, "a configuration")
    name = found.get("name", "")
    if not isinstance(name, str):
        raise ParseError("a name that is a string", _shown(name))
    return NetworkConfig(network=_printable(name), version=_version(found), types=_types(found))


def _types(plugin: object) -> tuple[str, ...]:
    kind = plugin.get("type") if isinstance(plugin, dict) else None
    if not isinstance(kind, str) or not kind:
        raise ParseError("a plugin with a 'type'", _shown(plugin))
    assert isinstance(plugin, dict)
    ipam = plugin.get("ipam")
    if ipam is not None and not isinstance(ipam, dict):
        raise ParseError("an 'ipam' that is an object", _shown(ipam))
    below = ipam.get("type", "") if isinstance(ipam, dict) else ""
    if not isinstance(below, str):
        raise ParseError("an ipam 'type' that is a string", _shown(below))
    return (_printable(kind), _printable(below)) if below else (_printable(kind),)


def _version(found: dict[str, Any]) -> str:
    version = found.get("cniVersion", "")
    if not isinstance(version, str):
        raise ParseError("a cniVersion that is a string", _shown(version))
    return _printable(version)


def _object(data: bytes, what: str) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ParseError(f"{what} in JSON ({error})", data) from error
    if not isinstance(found, dict):
        raise ParseError(f"{what} that is an object", data)
    return found


def _shown(value: object) -> str:
    return _printable(json.dumps(value))


def _printable(text: str) -> str:
    return printable(text.encode("utf-8", "surrogatepass"))
