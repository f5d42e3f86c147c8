"""`python -m portal.embedded.aws --root DIR --port N --region R`; root credentials come from the environment."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from functools import partial
from pathlib import Path

from .account import Account, RootKey
from .app import respond
from .transport import build


def main() -> int:
    """Serves until SIGTERM or SIGINT; says in one line why it cannot start."""
    arguments = _arguments()
    logging.basicConfig(level=arguments.log_level.upper(), format="%(asctime)s %(levelname)s %(message)s")
    root_key = RootKey(os.environ.get("AWS_DOUBLE_ROOT_KEY", ""), os.environ.get("AWS_DOUBLE_ROOT_SECRET", ""))
    if not root_key.access_key_id or not root_key.secret_access_key:
        print("AWS double: set AWS_DOUBLE_ROOT_KEY and AWS_DOUBLE_ROOT_SECRET.", file=sys.stderr)
        return 2
    try:
        account = Account(arguments.root, arguments.region, root_key, arguments.assume_tls, arguments.durable)
        if os.environ.get("AWS_DOUBLE_READER_KEY"):
            account.let_in_reader(RootKey(os.environ["AWS_DOUBLE_READER_KEY"], os.environ["AWS_DOUBLE_READER_SECRET"]))
        server = build(arguments.port, partial(respond, account))
    except OSError as error:
        print(f"AWS double: cannot start on port {arguments.port} with {arguments.root}: {error}", file=sys.stderr)
        return 1
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=0.1)
    server.server_close()
    account.store.close()
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="portal.embedded.aws", description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="directory that keeps all state")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--region", required=True)
    parser.add_argument("--assume-tls", action="store_true", help="let aws:SecureTransport be true on loopback")
    parser.add_argument("--durable", action="store_true", help="wait for the disk at every commit")
    parser.add_argument("--log-level", default="warning", choices=["debug", "info", "warning", "error"])
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
