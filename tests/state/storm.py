"""A child process that writes without pause and says what is stored, until it is killed.

python -m tests.state.storm JOURNAL FIRST
"""

from __future__ import annotations

import sys
from pathlib import Path

from agent.state.journal import Journal, Limits
from tests.state.making import BOOT, SOON, note, record

BURST = 40


def main(path: Path) -> None:
    journal = Journal.open(path, Limits(max_bytes=8 << 20), BOOT)
    stream = journal.recovered.numbering.stream_id
    sequence = journal.recovered.numbering.next_sequence
    print("begin", stream, sequence, flush=True)
    while True:
        for size in (1, 3, 7, 2) * (BURST // 13):
            last = sequence + size
            batch = [record(n, note(n, size=n % 700), stream=stream) for n in range(sequence, last)]
            journal.append(batch, str(last - 1).encode())
            sequence = last
        if not journal.wait_stored(sequence - BURST, SOON):
            sys.exit("nothing was stored")
        print("stored", stream, sequence - BURST, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
