"""`python -m ragplatform --region R --port N`: serves one region until it is told to stop."""

import argparse
import logging
import sys
from typing import Any

from gunicorn.app.base import BaseApplication

from . import tracing
from .config import Config, Misconfigured, load
from .services import Services, build
from .web import create_app

# half of them may wait for tenants that move
THREADS = 32


class Platform(BaseApplication):  # type: ignore[misc]
    """gunicorn with one threaded worker: rate limits and leases are kept per process, the stores do the isolation."""

    def __init__(self, config: Config, port: int) -> None:
        self._config = config
        self._port = port
        self._services: Services | None = None
        super().__init__()

    def load_config(self) -> None:
        """Set what differs from gunicorn's defaults."""
        settings: dict[str, Any] = {
            "bind": f"127.0.0.1:{self._port}",
            "workers": 1,
            "worker_class": "gthread",
            "threads": THREADS,
            # a token too large for us must reach us to be refused by us
            "limit_request_field_size": 16_380,
            "keepalive": 30,
            "timeout": 60,
            "graceful_timeout": 10,
            "loglevel": "warning",
            "control_socket_disable": True,
            "proc_name": f"ragplatform {self._config.region}",
            "worker_exit": lambda server, worker: self._stop(),
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Build the application; runs in the worker, so threads and connections are its own."""
        tracing.send(self._config.region)
        self._services = build(self._config, THREADS)
        self._services.start()
        return create_app(self._services)

    def _stop(self) -> None:
        if self._services is not None:
            self._services.stop()


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(prog="ragplatform", description="The reference RAG platform of one region.")
    parser.add_argument("--region", required=True)
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for chatty in ("httpx", "httpcore", "botocore", "boto3", "urllib3", "pinecone"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        config = load(arguments.region)
    except Misconfigured as error:
        sys.exit(f"ragplatform: {error}")
    Platform(config, arguments.port).run()


if __name__ == "__main__":
    main()
