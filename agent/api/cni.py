"""CNI calls on the wire: agent.model.cni and cni.proto."""

from __future__ import annotations

from collections.abc import Iterable

from agent.api.oom import container_to_wire
from agent.api.v1 import cni_pb2 as pb
from agent.api.wire import EnumTable, duration, text, timestamp
from agent.model.cni import (
    CallState,
    CallWait,
    CNICall,
    CNIConfig,
    CNIConfigFile,
    CNIReport,
    NetworkState,
    NetworkWord,
)

CALL_STATE = EnumTable(
    {
        CallState.RUNNING: pb.CNI_CALL_STATE_RUNNING,
        CallState.SLOW: pb.CNI_CALL_STATE_SLOW,
        CallState.STALLED: pb.CNI_CALL_STATE_STALLED,
        CallState.OK: pb.CNI_CALL_STATE_OK,
        CallState.FAILED: pb.CNI_CALL_STATE_FAILED,
        CallState.UNKNOWN: pb.CNI_CALL_STATE_UNKNOWN,
    },
    foreign=None,
)
NETWORK_STATE = EnumTable(
    {
        NetworkState.IDLE: pb.NETWORK_STATE_IDLE,
        NetworkState.WORKING: pb.NETWORK_STATE_WORKING,
        NetworkState.SLOW: pb.NETWORK_STATE_SLOW,
        NetworkState.FLAPPING: pb.NETWORK_STATE_FLAPPING,
        NetworkState.WEDGED: pb.NETWORK_STATE_WEDGED,
    },
    foreign=None,
)


def report_to_wire(report: CNIReport, calls: Iterable[pb.CNICall]) -> pb.CNIReport:
    """A message of the caller's own, with these of its calls."""
    health, books, config = report.health, report.books, report.config
    offset_ns = report.wall_ns - report.boottime_ns
    since, success = health.since_boottime_ns, health.succeeded_boottime_ns
    return pb.CNIReport(
        at=timestamp(report.wall_ns),
        health=pb.NetworkHealth(
            state=NETWORK_STATE.to_wire(health.state),
            since=None if since is None else timestamp(since + offset_ns),
            failed=health.failed,
            last_success=None if success is None else timestamp(success + offset_ns),
        ),
        books=pb.CNIBooks(
            seen=books.seen,
            running=books.running,
            ended=books.ended,
            missed=books.missed,
            others=books.others,
        ),
        config=None if config is None else _config(config, offset_ns),
        calls=calls,
        runtime=None if report.word is None else _word(report.word, offset_ns),
        elsewhere_reason=text(report.elsewhere),
    )


def call_to_wire(call: CNICall, report: CNIReport) -> pb.CNICall:
    """A call of this report."""
    offset_ns = report.wall_ns - report.boottime_ns
    ended = call.ended_boottime_ns
    return pb.CNICall(
        pid=call.pid,
        plugin=text(call.plugin),
        command=text(call.command),
        unread=text(call.unread),
        container_id=text(call.container_id),
        netns=text(call.netns),
        interface=text(call.interface),
        pod=None if call.pod is None else container_to_wire(call.pod),
        parent_pid=call.parent_pid,
        delegated_by=call.delegated_by,
        started=timestamp(call.started_boottime_ns + offset_ns),
        ended=None if ended is None else timestamp(ended + offset_ns),
        took=duration(call.seconds(report.boottime_ns)),
        state=CALL_STATE.to_wire(report.state(call)),
        exit_code=call.exit_code,
        signal=call.signal,
        wait=None if call.wait is None else _wait(call.wait, offset_ns),
    )


def _wait(wait: CallWait, offset_ns: int) -> pb.CNICallWait:
    lock = wait.lock
    return pb.CNICallWait(
        at=timestamp(wait.boottime_ns + offset_ns),
        comm=text(wait.comm),
        tid=wait.tid,
        state=wait.state,
        wchan=text(wait.wchan),
        lock_kind="" if lock is None else lock.kind,
        lock_file="" if lock is None else text(lock.file),
        lock_holders=[
            pb.CNILockHolder(
                pid=holder.pid,
                comm=text(holder.comm),
                state=holder.state,
                wchan=text(holder.wchan),
            )
            for holder in (() if lock is None else lock.holders)
            if holder.pid > 0
        ],
        unread=text(wait.unread),
    )


def _word(word: NetworkWord, offset_ns: int) -> pb.RuntimeNetwork:
    return pb.RuntimeNetwork(
        asked=timestamp(word.boottime_ns + offset_ns), ready=word.ready, message=text(word.message)
    )


def _config(config: CNIConfig, offset_ns: int) -> pb.CNIConfig:
    return pb.CNIConfig(
        at=timestamp(config.boottime_ns + offset_ns),
        directory=text(config.directory),
        bin_directories=map(text, config.bin_directories),
        files=map(_file, config.files),
        absent_reason=text(config.absent),
        watched=config.watched,
    )


def _file(file: CNIConfigFile) -> pb.CNIConfigFile:
    return pb.CNIConfigFile(
        path=text(file.path),
        loaded=file.loaded,
        network=text(file.network),
        version=text(file.version),
        plugins=[
            pb.CNIPlugin(
                type=text(plugin.type), path=text(plugin.path), problem=text(plugin.problem)
            )
            for plugin in file.plugins
        ],
        problem=text(file.problem),
    )
