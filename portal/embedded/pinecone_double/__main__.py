"""`python -m portal.embedded.pinecone_double --root DIR --port N --api-key-file F`."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from pathlib import Path

from ..aws.store import Store
from ..aws.transport import build
from .app import Service
from .schema import SCHEMA


def main() -> int:
    """Serves until SIGTERM or SIGINT; says in one line why it cannot start."""
    arguments = _arguments()
    logging.basicConfig(level=arguments.log_level.upper(), format="%(asctime)s %(levelname)s %(message)s")
    try:
        arguments.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        store = Store(arguments.root / "vectors.sqlite", [SCHEMA])
        api_key = arguments.api_key_file.read_text().strip()
        reader_key = arguments.reader_key_file.read_text().strip() if arguments.reader_key_file else ""
        service = Service(store, f"http://127.0.0.1:{arguments.port}", api_key, reader_key)
        server = build(arguments.port, service.respond)
    except OSError as error:
        print(f"Pinecone double: cannot start on port {arguments.port}: {error}", file=sys.stderr)
        return 1
    if not api_key:
        print(f"Pinecone double: {arguments.api_key_file} holds no API key.", file=sys.stderr)
        return 2
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=0.1)
    server.server_close()
    store.close()
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="portal.embedded.pinecone_double", description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="directory that keeps all state")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--api-key-file", type=Path, required=True, help="file with the one accepted API key")
    parser.add_argument("--reader-key-file", type=Path, help="file with a key that may look and change nothing")
    parser.add_argument("--log-level", default="warning", choices=["debug", "info", "warning", "error"])
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
