"""A container that is killed and made anew, as the kubelet does it after a failed probe."""

from collections.abc import Mapping, Sequence

from agent.api.v1.exits_pb2 import STOP_REASON_RESTART, VERDICT_GRACE_EXCEEDED, ContainerDeath
from tests.lab.asking import EXIT_SECONDS, Asking
from tests.lab.deadline import until
from tests.lab.pods import Container

CALM = ("/bin/work", "wait")


def again(
    asking: Asking,
    container: Container,
    argv: Sequence[str] = CALM,
    unified: Mapping[str, str] | None = None,
) -> Container:
    """Stopped, with a grace of a second, as soon as the agent follows it; and made in its pod."""

    def followed() -> bool:
        found = asking.containers(pod=container.pod.name)
        return any(c.HasField("init_pid") for c in found if c.container_id == container.id)

    until(followed, EXIT_SECONDS, "it is followed", lambda: str(asking.containers()))
    container.stop(1)
    made = container.pod.container(
        container.name, argv, attempt=container.attempt + 1, unified=unified
    )
    made.wait_ready()
    return made


def restarts(asking: Asking, pod: str, times: int) -> list[ContainerDeath]:
    """Those of a pod, once there are so many, and each is settled and known as one."""

    def told() -> list[ContainerDeath] | None:
        deaths = asking.exits(pod=pod)
        done = [d for d in deaths if d.settled and d.stop_reason == STOP_REASON_RESTART]
        return done if len(done) >= times else None

    deaths = until(told, EXIT_SECONDS, f"{times} restarts", lambda: str(asking.exits()))
    assert len(deaths) == times
    assert {death.verdict for death in deaths} == {VERDICT_GRACE_EXCEEDED}
    return deaths
