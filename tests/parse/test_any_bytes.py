"""No bytes make a parser raise anything but ParseError."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import agent.parse
from agent.model.absence import ParseError
from agent.model.cgroup import CgroupLevel
from agent.parse import (
    boot_id,
    certificate,
    cgroup_attach_task,
    cgroup_controllers,
    cgroup_events,
    cgroup_path,
    cgroup_procs,
    cni_config,
    cni_plan,
    containerd_content,
    cpu_max,
    cpu_stat,
    cri_config,
    ctnetlink,
    diskstats,
    etcd_flags,
    fdinfo,
    go_build_info,
    go_duration,
    http_response,
    inet_diag,
    inet_diag_ports,
    inet_sock_set_state,
    io_stat,
    ipt_getinfo,
    kernel_fault,
    kernel_stat,
    kmsg,
    kubelet_config,
    kubelet_flags,
    loadavg,
    meminfo,
    memory_events,
    memory_limit,
    memory_oom_control,
    memory_stat,
    mountinfo,
    nft_generation,
    nft_rule,
    node_object,
    oci_bundle,
    oom,
    oom_probe,
    oom_summary,
    pids_max,
    pod_log_path,
    pressure,
    proc_capabilities,
    proc_cgroup,
    proc_environ,
    proc_event,
    proc_locks,
    proc_maps,
    proc_net_snmp,
    proc_net_sockstat,
    proc_net_stat,
    proc_stack,
    proc_stat,
    proc_status,
    proc_switches,
    proc_wchan,
    quantity,
    root_memory_stat,
    rtnetlink,
    sched_process_exec,
    shim_flags,
    signal_generate,
    softnet_stat,
    task_newtask,
    trace_event,
    trace_pipe,
    trace_stats,
    unix_diag,
    vmstat,
)
from agent.parse.trace_event import TraceEvent
from tests.parse import netlink_making as made
from tests.parse.captured_text import captured_lines, hostile
from tests.parse.exit_message import exit_message
from tests.parse.go_program import build_info, elf
from tests.parse.test_inet_diag import FOUR
from tests.parse.test_inet_sock_set_state import BEGUN, REFUSED
from tests.parse.test_kernel_fault import FAULTS
from tests.parse.test_unix_diag import LISTENER
from tests.parse.test_usage_files import CPU_STAT, IO_STAT, MEMORY_STAT, MEMORY_STAT_V1

_UUID = b"d1cb3f57-a7a5-47ca-9def-6c3ba929c3a5"
_RECORDS = tuple(
    line
    for name in ("kmsg_container.txt", "kmsg_group.txt", "kmsg_pod.txt", "kmsg_node.txt")
    for line in captured_lines(name)
    if b"oom" in line or b"out of memory" in line or b"memory: usage" in line
)
_TEXTS = tuple(line.partition(b";")[2].removesuffix(b"\n") for line in _RECORDS)
_EVENTS = (
    *captured_lines("trace_pipe.txt"),
    b"            work-829     [000] d..1     7.311843: mark_victim: pid=829\n",
    b"CPU:0 [LOST 123 EVENTS]\n",
)
_PATHS = (
    b"/kubepods/burstable/pod" + _UUID + b"/" + b"a" * 64 + b"/nested",
    b"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod"
    + _UUID.replace(b"-", b"_")
    + b".slice/cri-containerd-"
    + b"a" * 64
    + b".scope",
    b"/system.slice/kubepods-pod" + _UUID + b".slice:cri-containerd:" + b"b" * 64,
)


def _of_text(parser: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda data: parser(data.decode("latin-1"))


def _probe(payload: bytes) -> object:
    name = b"oom_call_1f2e3d4c" if b" memcg=" in payload else b"oom_kill_1f2e3d4c"
    return oom_probe.parse_probe(TraceEvent(1, 1, name, payload), 4096)


_PROBES = (
    b"(f) pid=184 tgid=184 start=19825563512 i0=727 n0={0x792263,0x617461642e} i1=1 n1={0x0}",
    b"(f) memcg=0xffff8880063a1000 max=4096 i0=727 n0={0x792263,0x61} i1=663 i2=1",
)


def _of_payload(parser: Callable[[TraceEvent], object]) -> Callable[[bytes], object]:
    return lambda data: parser(TraceEvent(829, 7311843, b"event", data))


_CERTIFICATE = bytes.fromhex("3029 3027 020101 3000 3000 301e") + (
    b"\x17\x0d261124043000Z\x17\x0d261224043000Z"
)

PARSERS: list[tuple[Callable[..., object], tuple[bytes, ...]]] = [
    (boot_id.parse_boot_id, (_UUID + b"\n",)),
    (certificate.parse_not_after, (_CERTIFICATE,)),
    (
        certificate.parse_pem_certificates,
        (b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",),
    ),
    (
        cgroup_attach_task.parse_attach,
        (b"dst_root=0 dst_id=29412 dst_level=1 dst_path=/f99 pid=6687 comm=python3",),
    ),
    (cgroup_controllers.parse_controllers, (b"cpuset cpu io memory\n",)),
    (cgroup_events.parse_cgroup_events, (b"populated 1\nfrozen 0\n",)),
    (cgroup_path.place, _PATHS),
    (cgroup_procs.parse_procs, (b"1\n829\n", b"")),
    (
        cni_config.parse_conf,
        (b'{"type": "ptp", "ipam": {"type": "dhcp"}}', b"[" * 2_000),
    ),
    (
        cni_config.parse_conflist,
        (b'{"name": "a", "plugins": [{"type": "ptp", "ipam": {"type": "\\ud800"}}]}',),
    ),
    (cni_plan.parse_allocation, (b"b4cfff7a\r\neth0",)),
    (
        cni_plan.parse_plan,
        (b'{"name": "a", "type": "ptp", "ipam": {"type": "host-local", "subnet": "10.0.0.0/8"}}',),
    ),
    (cni_plan.parse_result, (b'{"containerId": "a", "ifName": "e", "config": "e30="}',)),
    (cpu_max.parse_cpu_max, (b"max 100000\n", b"50000 100000\n")),
    (cpu_stat.parse_cpu_stat, (CPU_STAT,)),
    (
        ctnetlink.parse_conntrack_cpu,
        (bytes(4) + made.nested({kind: made.be32(1) for kind in (9, 10, 11)}),),
    ),
    (
        diskstats.parse_diskstats,
        (b"254 0 vda 872 0 84104 1039 12 3 96 40 1 0 2032 1079 0 0 0 0 4 21\n",),
    ),
    (etcd_flags.parse_etcd_directory, (b"etcd\0--data-dir=/var/lib/etcd\0--wal-dir\0/w\0",)),
    (go_build_info.parse_elf_header, (elf(b"")[:64],)),
    (go_build_info.parse_go_build_info, (build_info("dep\ta\tv1", "build\tb"),)),
    (go_build_info.parse_sections, (elf(b"")[-192:],)),
    (go_duration.parse_go_duration, (b"1m30s",)),
    (inet_diag_ports.parse_connection, (bytes((2, 1)) + bytes(70),)),
    (io_stat.parse_io_stat, (IO_STAT,)),
    (ipt_getinfo.parse_getinfo, (bytes(84),)),
    (kernel_fault.parse_kernel_fault, tuple(text.encode() for text, *_ in FAULTS)),
    (kmsg.parse_kmsg, _RECORDS),
    (kmsg.sequence_of, _RECORDS),
    (
        kubelet_config.parse_kubelet_config,
        (
            b"kind: KubeletConfiguration\nevictionHard: {memory.available: 1%, a: [b]}\n",
            b"kind: &a [*a, 0x_, 2026-11-24T10:00:00Z, !!float x, !!binary '', ? {a: b}]\n",
            b"[" * 2_000,
        ),
    ),
    (
        kubelet_flags.parse_kubelet_flags,
        (b"kubelet\0--eviction-hard=memory.available<5%\0--config\0/a.yaml\0",),
    ),
    (loadavg.parse_tasks, (b"1.36 3.49 4.53 2/3518 3715089\n",)),
    (meminfo.parse_meminfo, (b"MemTotal:  2014504 kB\nMemFree:  1745196 kB\n",)),
    (
        memory_events.parse_memory_events,
        (b"low 0\nhigh 0\nmax 35\noom 1\noom_kill 1\noom_group_kill 0\n",),
    ),
    (memory_limit.parse_memory_max, (b"max\n", b"33554432\n")),
    (memory_limit.parse_limit_in_bytes, (b"9223372036854771712\n",)),
    (memory_oom_control.parse_oom_kill, (b"oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",)),
    (memory_stat.parse_memory_stat, (MEMORY_STAT,)),
    (memory_stat.parse_memory_stat_v1, (MEMORY_STAT_V1,)),
    (mountinfo.parse_mountinfo, (b"41 31 0:38 / /sys/fs/cgroup rw shared:9 - cgroup2 none rw\n",)),
    (
        nft_generation.parse_generation,
        (bytes(4) + made.nested({1: made.be32(8), 2: made.be32(9), 3: b"nft\0"}),),
    ),
    (nft_rule.parse_chain, (made.chain("POSTROUTING"),)),
    (nft_rule.parse_rule, (made.rule(made.source_of(bytes(4), mask=bytes(4)), made.jump("a")),)),
    (
        oci_bundle.parse_bundle,
        (
            b'{"annotations": {"io.kubernetes.pod.name": "a"}, "linux": {"cgroupsPath": "/k"}}',
            b'{"annotations": {"io.kubernetes.cri.sandbox-id": "\\ud800"}, "linux": null}',
            b'{"a":' * 100_000,
            b"[" * 2_000,
        ),
    ),
    (oom.parse_oom_line, _TEXTS),
    (oom_probe.parse_probe, _PROBES),
    (oom_summary.parse_oom_summary, _TEXTS),
    (pids_max.parse_pids_max, (b"max\n", b"4915\n")),
    (pod_log_path.parse_pod_log_directory, (b"default_web-0_" + _UUID,)),
    (
        pressure.parse_pressure,
        (
            b"some avg10=0.06 avg60=0.21 avg300=0.99 total=8537362\n",
            b"some avg10=0.06 avg60=0.21 avg300=0.99 total=8537362\nfull avg10=0.00 avg60=0.1",
        ),
    ),
    (proc_capabilities.parse_effective, (b"CapPrm:\t01\nCapEff:\t000001ffffffffff\n",)),
    (proc_cgroup.parse_memory_hierarchy, (b"4:cpu,memory:/a\n0::/b\n",)),
    (proc_cgroup.parse_proc_cgroup, (b"4:memory:/a\n1:name=systemd:/\n0::/b (deleted)\n",)),
    (
        proc_environ.parse_cni_environ,
        (b"CNI_COMMAND=ADD\0CNI_ARGS=K8S_POD_NAME=a;K8S_POD_UID=b\0PATH=/\0",),
    ),
    (
        proc_locks.parse_locks,
        (b"1: FLOCK  ADVISORY  WRITE 5130 00:19:48 0 EOF\n1: -> FLOCK A WRITE 7 <none>:0",),
    ),
    (http_response.parse_response, (b"HTTP/1.0 200 OK\r\nX: y\r\n\r\nok\n",)),
    (
        kernel_stat.parse_kernel_stat,
        (b"cpu  1 2 3 4 5 6 7 8\ncpu0 1 2 3 4 5 6 7 8\nprocs_running 1\nprocs_blocked 2\n",),
    ),
    (loadavg.parse_load, (b"1.36 3.49 4.53 2/3518 3715089\n",)),
    (proc_maps.parse_maps, (b"7f00-7f10 r-xp 00026000 fe:00 131180   /usr/lib/libc.so\n",)),
    (proc_net_snmp.parse_retransmits, (b"Tcp: RetransSegs InErrs\nTcp: 31 0\n",)),
    (proc_net_sockstat.parse_tcp_sockets, (b"TCP: inuse 35 orphan 0 tw 133 alloc 44\n",)),
    (proc_net_sockstat.parse_port_range, (b"32768\t60999\n",)),
    (
        proc_net_stat.parse_conntrack_stat,
        (b"entries insert_failed drop early_drop\n1 2 3 f\n",),
    ),
    (proc_net_stat.parse_neighbour_stat, (b"entries table_fulls\n00000001 0000000f\n",)),
    (
        proc_stat.parse_stat,
        (b"829 (work) S 812 829 829 0 -1 4194560 62 0 0 0 0 0 0 0 20 0 1 0 5412 1019904 1\n",),
    ),
    (proc_stat.parse_brief, (b"829 (work) D" + b" 812" * 49 + b"\n",)),
    (proc_stat.parse_cpu_ticks, (b"829 (work) D" + b" 812" * 49 + b"\n",)),
    (
        proc_stat.parse_figures,
        (b"829 (work) S" + b" 812" * 49 + b"\n",),
    ),
    (
        proc_event.parse_proc_event,
        (exit_message(829, status=9),),
    ),
    (proc_stack.parse_stack, (b"[<0>] folio_wait_bit_common+0x13d/0x380\n", b"")),
    (
        proc_switches.parse_switches,
        (b"voluntary_ctxt_switches:\t41\nnonvoluntary_ctxt_switches:\t7\n",),
    ),
    (proc_wchan.parse_wchan, (b"folio_wait_bit_common", b"0")),
    (proc_status.parse_status, (b"Name:\twork\nUid:\t0\t0\t0\t0\nNSpid:\t829\t1\n",)),
    (quantity.parse_percentage, (b"10%",)),
    (quantity.parse_quantity, (b"1.5Gi", b"1e9")),
    (
        root_memory_stat.parse_root_memory_stat,
        (b"anon 33345536\nfile 90472448\ninactive_file 61001728\n",),
    ),
    (root_memory_stat.parse_total_inactive_file, (b"cache 1\ntotal_inactive_file 7\n",)),
    (
        cri_config.parse_cni_places,
        (b'{"cni": {"binDir": "/opt/cni/bin", "confDir": "/etc/cni/net.d"}}',),
    ),
    (rtnetlink.parse_filter_kind, (bytes(20) + b"\x08\0\x01\0bpf\0",)),
    (rtnetlink.parse_interface_address, (made.interface_address(bytes(4)),)),
    (rtnetlink.parse_link, (made.link(),)),
    (rtnetlink.parse_neighbour, (made.neighbour(bytes(4), 2),)),
    (rtnetlink.parse_nsid, (bytes(4) + b"\x08\0\x01\0\0\0\0\0",)),
    (rtnetlink.parse_route, (made.route(bytes(4)),)),
    (rtnetlink.parse_route_origin, (made.route(bytes(4)),)),
    (
        sched_process_exec.parse_exec,
        (b"a-1 [000] 7.300000: sched_process_exec: filename=/a/b pid=1 old_pid=1",),
    ),
    (
        node_object.parse_lease,
        (b'{"kind": "Lease", "spec": {"renewTime": "2026-11-28T10:00:00.000000Z"}}',),
    ),
    (
        node_object.parse_node,
        (
            (
                b'{"kind": "Node", "metadata": {"name": "a"}, "status": {"conditions": '
                b'[{"type": "Ready", "status": "True", "reason": "KubeletReady"}]}}'
            ),
        ),
    ),
    (
        node_object.parse_refusal,
        (b'{"kind": "Status", "message": "nodes \\"a\\" is forbidden", "code": 403}',),
    ),
    (shim_flags.parse_shim_flags, (b"shim\0-namespace\0k8s.io\0-id=5f0c\0",)),
    (
        signal_generate.parse_signal,
        (b"a-1 [000] 7.300000: signal_generate: sig=9 errno=0 code=0 comm=a pid=1 grp=1 res=0",),
    ),
    (softnet_stat.parse_softnet_stat, (b"00327c80 00000000 00000002 00000000\n",)),
    (task_newtask.parse_newtask, (b"pid=6748 comm=sh clone_flags=1200000 oom_score_adj=0",)),
    (trace_event.parse_event, _EVENTS),
    (trace_pipe.parse_mark_victim, _EVENTS),
    (trace_pipe.parse_lost, _EVENTS),
    (
        trace_stats.parse_trace_stats,
        (
            (
                b"entries: 1\noverrun: 0\ncommit overrun: 0\nbytes: 52\n"
                b"oldest event ts:   126.775008\nnow ts:   138.994012\n"
                b"dropped events: 0\nread events: 19\n"
            ),
        ),
    ),
    (inet_diag.parse_inet_diag, (FOUR,)),
    (inet_sock_set_state.parse_dial, (BEGUN, REFUSED)),
    (unix_diag.parse_unix_diag, (LISTENER,)),
    (
        containerd_content.parse_ref,
        (b"k8s.io/3/layer-sha256:" + b"a3" * 32,),
    ),
    (containerd_content.parse_started, (b"2026-11-27T21:47:54.433645781Z",)),
    (containerd_content.parse_total, (b"6297600",)),
    (fdinfo.parse_position, (b"pos:\t3145728\nflags:\t02100001\n",)),
    (fdinfo.parse_mount_id, (b"flags:\t02100001\nmnt_id:\t27\n",)),
    (vmstat.parse_oom_kill, (b"nr_free_pages 131476\noom_kill 3\nnuma_hit 1\n",)),
]
_TAKE_TEXT = {
    cgroup_path.place,
    cri_config.parse_cni_places,
    kernel_fault.parse_kernel_fault,
    oom.parse_oom_line,
    oom_summary.parse_oom_summary,
    pod_log_path.parse_pod_log_directory,
}
_TAKE_MORE: dict[Callable[..., object], tuple[object, ...]] = {
    nft_generation.parse_generation: (1,),
    proc_net_stat.parse_conntrack_stat: (1,),
    proc_net_stat.parse_neighbour_stat: (4, None),
}
_TAKE_PAYLOAD = {cgroup_attach_task.parse_attach, task_newtask.parse_newtask}


def test_table_is_complete() -> None:
    """Every public parser of the package stands in the table above."""
    public = {
        function
        for module in pkgutil.iter_modules(agent.parse.__path__)
        for name, function in inspect.getmembers(
            importlib.import_module(f"agent.parse.{module.name}"), inspect.isfunction
        )
        if name in ("place", "sequence_of") or name.startswith("parse_")
    }
    assert public == {parser for parser, _ in PARSERS}


@pytest.mark.parametrize(
    ("parser", "samples"), PARSERS, ids=[f"{p.__module__}.{p.__name__}" for p, _ in PARSERS]
)
@given(data=st.data())
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_only_parse_errors(
    parser: Callable[..., object], samples: tuple[bytes, ...], data: st.DataObject
) -> None:
    """Garbage, and valid text with cuts and insertions, gives a value or a ParseError."""
    parse = _of_text(parser) if parser in _TAKE_TEXT else parser
    if parser is oom_probe.parse_probe:
        parse = _probe
    if parser in _TAKE_PAYLOAD:
        parse = _of_payload(parser)
    more = _TAKE_MORE.get(parser, ())
    try:
        result = parse(data.draw(hostile(*samples)), *more)
    except ParseError as error:
        assert str(error)  # noqa: PT017 - the message must be printable, whatever was read
    else:
        assert repr(result).isprintable()


@given(path=st.text())
def test_any_text_has_a_place(path: str) -> None:
    """Text beyond Latin-1, lone surrogates too, has a place like any other."""
    found = cgroup_path.place(path)
    assert found.path == path
    assert path == found.container_path or path.startswith(found.container_path)
    assert (found.level is CgroupLevel.ROOT) == (path == "/")


@given(text=st.text())
def test_any_text_as_oom_line(text: str) -> None:
    """Text beyond Latin-1 is read or refused like any other."""
    for line in (text, f"Out of memory: Killed process 1 ({text}) total-vm:1kB, anon-rss:1kB"):
        try:
            result = oom.parse_oom_line(line)
        except ParseError:
            continue
        assert repr(result).isascii()
