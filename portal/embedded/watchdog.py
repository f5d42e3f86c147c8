"""Ends what a supervisor started when the supervisor is gone, however it died.

Reads "+ name pid started stage signal", "- pid" and "done" from its standard input. End of input without "done" means
the supervisor was killed. It holds the supervisor's lock until it has finished, so the next start waits for it.
"""

import signal
import sys

from portal.embedded.procs import Process, stop_in_order


def main() -> None:
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    watched: dict[int, Process] = {}
    for line in sys.stdin:
        verb, *words = line.split()
        if verb == "done":
            return
        if verb == "-":
            watched.pop(int(words[0]), None)
        else:
            process = Process(words[0], *map(int, words[1:]))
            watched[process.pid] = process
    stop_in_order(watched.values())


if __name__ == "__main__":
    main()
