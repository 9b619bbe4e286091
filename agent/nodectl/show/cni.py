"""`nodectl cni`: the judgement, the configuration, then the calls as a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from agent.api.cni import CALL_STATE
from agent.api.v1 import cni_pb2 as pb
from agent.api.v1 import node_agent_pb2
from agent.nodectl.show.oom import aligned
from agent.nodectl.show.words import age, duration, escape, timestamp, wrapped

NARROW = ("STARTED", "TOOK", "STATE", "COMMAND", "PLUGIN", "POD")
WIDE = (*NARROW, "EXIT", "PID", "TIME", "INTERFACE", "NETNS", "CONTAINER")
_BELOW = "\N{BOX DRAWINGS LIGHT UP AND RIGHT} "


def broken(cni: pb.CNIReport) -> bool:
    """Whether no pod can get a network now."""
    known = cni.HasField("config") and not cni.elsewhere_reason
    unloaded = known and not any(file.loaded for file in cni.config.files)
    return cni.health.state == pb.NETWORK_STATE_WEDGED or unloaded


def report(answer: node_agent_pb2.ListCNICallsResponse, now_ns: int, *, wide: bool = False) -> str:
    """The whole answer; names are escaped."""
    cni = answer.cni
    lines = [*_health(cni, now_ns), *_config(cni), *_runtime(cni), ""]
    rows = [_row(call, depth, now_ns, wide=wide) for call, depth in _in_order(cni.calls)]
    lines += (
        aligned(rows, WIDE if wide else NARROW) if rows else ["No CNI call that was asked for."]
    )
    waits = list(_waits(cni.calls))
    lines += ["", *waits] if waits else []
    lines += ["", _books(cni.books)]
    if answer.truncated:
        lines.append(f"more   only {len(cni.calls)} are shown: raise --limit")
    return "\n".join(lines)


def _health(cni: pb.CNIReport, now_ns: int) -> list[str]:
    health = cni.health
    last = ""
    if health.HasField("last_success"):
        last = f"; the last pod that got one did {age(health.last_success, now_ns)} ago"
    failed = f"; {health.failed} failed since" if health.failed else ""
    match health.state:
        case pb.NETWORK_STATE_WEDGED:
            text = f"WEDGED: no pod has got a network for {age(health.since, now_ns)}"
        case pb.NETWORK_STATE_SLOW:
            text = "slow: a pod waits long for one"
        case pb.NETWORK_STATE_FLAPPING:
            text = "flapping: some pods get one, some do not"
        case pb.NETWORK_STATE_WORKING:
            text = "works"
        case _:
            text = "no pod has got one since the agent started"
    return wrapped("network  ", text + last + failed)


def _config(cni: pb.CNIReport) -> Iterator[str]:
    if not cni.HasField("config"):
        yield from wrapped("config   ", "could not be read")
        return
    config = cni.config
    if cni.elsewhere_reason:
        yield from wrapped("config   ", f"NOT KNOWN: {escape(cni.elsewhere_reason)}")
        return
    if config.absent_reason:
        yield from wrapped("config   ", f"NOT LOADED: {escape(config.absent_reason)}")
    elif not config.files:
        yield from wrapped(
            "config   ", f"NOT LOADED: no .conf, .conflist or .json in {escape(config.directory)}"
        )
    for rank, file in enumerate(config.files):
        if file.loaded:
            plugins = ", ".join(escape(plugin.type) for plugin in file.plugins)
            text = f"{escape(file.path)}: network {escape(file.network) or '?'} ({plugins})"
        elif rank == 0:
            text = f"NOT LOADED: {escape(file.path)}: {escape(file.problem)}"
        else:
            text = f"ignored: {escape(file.path)}, for the first file alone is loaded"
        yield from wrapped("config   ", text)
        for plugin in file.plugins if file.loaded else ():
            if plugin.problem:
                yield from wrapped(
                    "config   ", f"BROKEN: plugin {escape(plugin.type)}: {escape(plugin.problem)}"
                )


def _runtime(cni: pb.CNIReport) -> list[str]:
    """The runtime's own word, and whether the files say otherwise."""
    if not cni.HasField("runtime"):
        return wrapped("runtime  ", "does not say whether its network is ready")
    ready = cni.runtime.ready
    said = "ready" if ready else f"not ready: {escape(cni.runtime.message)}"
    loaded = [file for file in cni.config.files if file.loaded]
    usable = bool(loaded) and not any(plugin.problem for plugin in loaded[0].plugins)
    known = cni.HasField("config") and not cni.elsewhere_reason
    wrong = "  <- wrong" if known and ready and not usable else ""
    return wrapped("runtime  ", f"says that its network is {said}{wrong}")


def _in_order(calls: Iterable[pb.CNICall]) -> list[tuple[pb.CNICall, int]]:
    """Delegates below those that executed them, as far as these are shown."""
    calls = list(calls)
    below: dict[int, list[pb.CNICall]] = {}
    top = []
    for call in calls:
        parent = call.delegated_by if call.HasField("delegated_by") else None
        if parent is not None and any(_executed(other, call, parent) for other in calls):
            below.setdefault(parent, []).append(call)
        else:
            top.append(call)
    found: list[tuple[pb.CNICall, int]] = []

    def put(call: pb.CNICall, depth: int) -> None:
        found.append((call, depth))
        for child in sorted(below.get(call.pid, ()), key=lambda c: c.started.ToNanoseconds()):
            if _executed(call, child, call.pid):
                put(child, depth + 1)

    for call in top:
        put(call, 0)
    return found


def _executed(parent: pb.CNICall, child: pb.CNICall, pid: int) -> bool:
    """Whether this one ran under that pid when the delegate was executed."""
    started = child.started.ToNanoseconds()
    return (
        parent.pid == pid
        and parent is not child
        and parent.started.ToNanoseconds() <= started
        and (not parent.HasField("ended") or started <= parent.ended.ToNanoseconds())
    )


def _row(call: pb.CNICall, depth: int, now_ns: int, *, wide: bool) -> tuple[str, ...]:
    state = CALL_STATE.to_model(call.state).value
    if call.HasField("signal"):
        state += f" (signal {call.signal})"
    elif call.exit_code:
        state += f" (code {call.exit_code})"
    name = escape(call.plugin.rpartition("/")[2])
    row = (
        f"{age(call.started, now_ns)} ago",
        duration(call.took.ToMilliseconds() / 1000),
        state,
        escape(call.command) or "?",
        "  " * (depth - 1) + _BELOW + name if depth else name,
        _pod(call),
    )
    if not wide:
        return row
    end = str(call.exit_code) if call.HasField("exit_code") else "-"
    return (
        *row,
        end,
        str(call.pid),
        timestamp(call.started),
        escape(call.interface) or "-",
        escape(call.netns) or "-",
        escape(call.container_id) or "-",
    )


def _pod(call: pb.CNICall) -> str:
    if call.HasField("pod") and call.pod.pod:
        return f"{escape(call.pod.namespace) or '?'}/{escape(call.pod.pod)}"
    return escape(call.container_id[:12]) or "?"


def _waits(calls: Iterable[pb.CNICall]) -> Iterator[str]:
    """Where each call in flight is: the oldest first."""
    for call in sorted(calls, key=lambda call: call.started.ToNanoseconds()):
        if call.HasField("wait"):
            who = f"{escape(call.plugin.rpartition('/')[2])}[{call.pid}] {_pod(call)}"
            yield from wrapped("waits    ", f"{who}: {_wait(call.wait)}")


def _wait(wait: pb.CNICallWait) -> str:
    """ "S in do_wait"; "S in x, for the lock of /y/lock, held by flock[71] (S in z)"."""
    if wait.unread or not wait.state:
        return escape(wait.unread) or "?"
    words = _where(wait.state, wait.wchan)
    if not wait.lock_kind:
        return words
    holders = ", ".join(map(_holder, wait.lock_holders)) or "?"
    return f"{words}, for the lock of {escape(wait.lock_file)}, held by {holders}"


def _holder(holder: pb.CNILockHolder) -> str:
    name = f"{escape(holder.comm) or '?'}[{holder.pid}]"
    return f"{name} ({_where(holder.state, holder.wchan)})" if holder.state else name


def _where(state: str, wchan: str) -> str:
    return f"{escape(state)} in {escape(wchan)}" if wchan else escape(state)


def _books(books: pb.CNIBooks) -> str:
    return (
        f"books  {books.seen} executions seen = {books.running} running + {books.ended} ended"
        f" + {books.missed} missed + {books.others} no calls"
    )
