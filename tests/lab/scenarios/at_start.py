"""Containers that exceed their limit as soon as they run: the runtime has no time to look."""

from concurrent.futures import ThreadPoolExecutor

from tests.lab.kubelet import Pods
from tests.lab.pods import Container
from tests.lab.scenarios.case import MIB

PARALLEL = 4


def over_limit_at_start(
    pods: Pods,
    count: int,
    *,
    name: str = "burst",
    limit: int = 32 * MIB,
    parallel: int = PARALLEL,
) -> list[Container]:
    """That many pods, each with one container of one process that is killed at once; all have
    exited when this returns.
    """

    def one(number: int) -> Container:
        pod = pods.create(f"{name}-{number}")
        container = pod.container("main", ["/bin/work", "eat", "64"], memory_max=limit)
        container.wait_exited()
        return container

    with ThreadPoolExecutor(max_workers=parallel) as pool:
        return list(pool.map(one, range(count)))
