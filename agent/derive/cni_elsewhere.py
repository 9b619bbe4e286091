"""Whether the CNI configuration that we read can be the one that the runtime has."""

from __future__ import annotations

from agent.model.cni import CNIConfig, NetworkWord

SET = "set cni.conf_dir and cni.bin_dirs"


def elsewhere(config: CNIConfig, word: NetworkWord | None, *, shown: bool = False) -> str:
    """Why not; empty: it is, or nothing speaks against it.

    A runtime whose network is ready has loaded a file: where we find none that loads, we look in
    the wrong place. Of a plugin that is missing it knows nothing, so there its word counts only
    against directories that nobody has named. `shown`: it has said so of these very files, and has
    been silent since.
    """
    if word is None:
        if shown and _wrong(config):
            return f"the runtime's network was ready by a configuration elsewhere{_told(config)}"
        if not config.assumed or not _wrong(config):
            return ""
        return f"the runtime does not say where its configuration is{_told(config)}"
    if not word.ready or not (config.assumed or config.loaded is None) or not _wrong(config):
        return ""
    return f"the runtime's network is ready by a configuration elsewhere{_told(config)}"


def _told(config: CNIConfig) -> str:
    return f" ({_wrong(config)}): {SET}"


def _wrong(config: CNIConfig) -> str:
    """What keeps it from being usable; empty: nothing does."""
    if config.loaded is None:
        if config.files:
            return f"{config.files[0].path} does not load"
        return f"{config.directory} has none"
    broken = [plugin for plugin in config.loaded.plugins if plugin.problem]
    return f"{broken[0].type}: {broken[0].problem}" if broken else ""
