"""One creation as each of its steps has it: who works on it, where that waits, and since when."""

from __future__ import annotations

from msgspec.structs import replace

from agent.model.cni import CNICall
from agent.model.creation import Creation, CreationStep, RuntimeInit
from agent.model.oom import Container
from agent.model.runtime import Shim


def pod_of(names: Container) -> Container:
    """A sandbox's own container has a name too."""
    return replace(names, name="")


def unattended(step: CreationStep, names: Container, since_ns: int, *, sandbox: bool) -> Creation:
    return Creation(
        step=step,
        sandbox=sandbox,
        names=names,
        since_boottime_ns=since_ns,
        begun_boottime_ns=since_ns,
    )


def of_init(init: RuntimeInit, names: Container, *, sandbox: bool) -> Creation:
    task = init.task
    return Creation(
        step=CreationStep.INIT,
        sandbox=sandbox,
        names=names,
        since_boottime_ns=task.start_boottime_ns,
        begun_boottime_ns=task.start_boottime_ns,
        pid=task.pid,
        comm=task.comm,
        state=task.state,
        wchan=task.wchan,
    )


def of_shim(shim: Shim) -> Creation:
    names = Container(id=shim.sandbox_id) if shim.pod is None else pod_of(shim.pod)
    stuck = next(iter(shim.blocked), None)
    return Creation(
        step=CreationStep.SANDBOX,
        sandbox=True,
        names=names,
        since_boottime_ns=shim.key.start_boottime_ns,
        begun_boottime_ns=shim.key.start_boottime_ns,
        pid=shim.key.pid,
        comm="containerd-shim",
        state=stuck.state if stuck is not None else shim.state,
        wchan=stuck.wchan if stuck is not None else "",
    )


def of_call(call: CNICall) -> Creation:
    names = Container(id=call.container_id) if call.pod is None else pod_of(call.pod)
    wait = call.wait
    return Creation(
        step=CreationStep.NETWORK,
        sandbox=True,
        names=names,
        since_boottime_ns=call.started_boottime_ns,
        begun_boottime_ns=call.started_boottime_ns,
        pid=call.pid,
        comm=call.name,
        state="" if wait is None else wait.state,
        wchan="" if wait is None else wait.wchan,
    )
