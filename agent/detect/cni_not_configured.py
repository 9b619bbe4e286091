"""CNINotConfigured: the runtime has no configuration that gives a pod its network."""

from __future__ import annotations

from collections.abc import Iterator

from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.model.catalogue.cni import CNI_NOT_CONFIGURED
from agent.model.cni import CNIConfig, NetworkWord
from agent.model.condition import NODE, Evidence, Finding
from agent.model.source import SourceState


def _detect(scene: Scene) -> Iterator[Finding]:
    if scene.cni is None or scene.cni.config is None or not _is_node(scene):
        return
    if scene.cni.elsewhere:  # the source says so
        return
    config = scene.cni.config
    word = scene.cni.word
    found = _unloaded(config) if config.loaded is None else _unusable(config)
    found = found or _not_taken(config, word)
    if found is not None:
        reason, message, evidence = found
        if word is not None:
            value = "true" if word.ready else f"false: {word.message}"
            evidence += (Evidence(what="NetworkReady", value=value, source="the runtime's Status"),)
        yield Finding(
            type=CNI_NOT_CONFIGURED.name,
            entity=NODE,
            reason=reason,
            message=message,
            evidence=evidence,
        )


def _is_node(scene: Scene) -> bool:
    """Whether anybody here wants a network for pods: a runtime answers, or there are pods."""
    answers = any(s.name == "cri" and s.state is SourceState.UP for s in scene.sources)
    return answers or bool(scene.pods)


Found = tuple[str, str, tuple[Evidence, ...]]
TAKEN_NS = 10 * 1_000_000_000
"""A runtime that watches the directory has loaded what is there for so long."""


def _unloaded(config: CNIConfig) -> Found:
    if not config.files:
        why = config.absent or f"no .conf, .conflist or .json in {config.directory}"
        evidence = Evidence(what="files", value=config.absent or "none", source=config.directory)
        return "NoConfiguration", f"no pod can get a network: {why}", (evidence,)
    first = config.files[0]
    return (
        "InvalidConfiguration",
        f"no pod can get a network: the runtime cannot load {first.path}: {first.problem}",
        tuple(
            Evidence(what="problem", value=file.problem, source=file.path)
            for file in config.files
            if file.problem
        ),
    )


def _unusable(config: CNIConfig) -> Found | None:
    file = config.loaded
    assert file is not None
    broken = [plugin for plugin in file.plugins if plugin.problem]
    if not broken:
        return None
    first = broken[0]
    more = f" and {len(broken) - 1} more" if len(broken) > 1 else ""
    return (
        "PluginUnusable" if first.path else "PluginMissing",
        f"every pod's network will fail: plugin {first.type}{more} of {file.path}: {first.problem}",
        tuple(
            Evidence(what=f"plugin {plugin.type}", value=plugin.problem, source=file.path)
            for plugin in broken
        ),
    )


def _not_taken(config: CNIConfig, word: NetworkWord | None) -> Found | None:
    """It would load, and the runtime says that nothing is loaded: containerd passes over a file
    that is moved into the directory (1.6: fsnotify's Create is no reason to load).
    """
    file = config.loaded
    if file is None or word is None or word.ready or config.assumed:
        return None
    if word.boottime_ns - config.same_since_boottime_ns < TAKEN_NS:
        return None
    return (
        "NotLoaded",
        f"no pod can get a network: the runtime has not loaded {file.path}: {word.message}",
        (Evidence(what="file", value=f"network {file.network}", source=file.path),),
    )


DETECTOR = Detector(condition=CNI_NOT_CONFIGURED, detect=_detect)
