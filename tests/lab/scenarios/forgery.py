"""User space writes what only the kernel may say. The kernel files it under facility 1, never 0.

A record without a newline stays invisible until the next one comes: it may be continued.
"""

from tests.lab.guest import Guest
from tests.lab.pods import Container


def forge_kill_line(guest: Guest, *, pid: int, comm: str = "work") -> str:
    """A "Killed process" line about any pid; returns it."""
    line = (
        f"Memory cgroup out of memory: Killed process {pid} ({comm}) total-vm:33764kB, "
        "anon-rss:32416kB, file-rss:4kB, shmem-rss:628kB, UID:0 pgtables:104kB oom_score_adj:900"
    )
    guest.run("cat > /dev/kmsg", stdin=f"<3>{line}\n".encode())
    return line


def forge_story(guest: Guest, container: Container) -> tuple[str, str]:
    """A whole kill, header and line, about the init of a living container; returns both lines."""
    pid = container.init_pid()
    header = (
        f"oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset={container.id},"
        f"mems_allowed=0,oom_memcg={container.group.path},task_memcg={container.group.path},"
        f"task=work,pid={pid},uid=0"
    )
    guest.run("cat > /dev/kmsg", stdin=f"<6>{header}\n".encode())
    return header, forge_kill_line(guest, pid=pid)
