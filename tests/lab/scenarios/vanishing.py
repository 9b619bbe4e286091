"""The witness is gone before anybody looks: a pod is deleted the moment its kill is counted."""

from tests.lab.guest import CGROUP_ROOT
from tests.lab.hierarchy import kubepods
from tests.lab.kubelet import Pods
from tests.lab.layer import LIBRARY
from tests.lab.scenarios.case import Case
from tests.lab.scenarios.container_limit import init_over_limit


def deleted_at_kill(pods: Pods, *, name: str = "vanishing") -> Case:
    """The init exceeds the limit; a helper in the guest removes the pod's cgroups at once.

    fire() returns when they are gone. The runtime believes in the pod until it is removed there.
    """
    case = init_over_limit(pods, name=name)
    pod = case.the_container.pod
    counter = f"{CGROUP_ROOT}{kubepods(pods.node.driver)}/memory.events"
    helper = pods.node.guest.start([f"/{LIBRARY}/undertaker", counter, pod.group.directory])
    helper.wait_out("ready", 120)

    def finish() -> None:
        helper.wait_out("gone", 120)
        helper.close()

    case.finish = finish
    return case
