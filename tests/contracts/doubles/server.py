"""Starts a double as the product does, by command line, and stops, kills or restarts it."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
START_SECONDS = 20


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Server:
    """One child process on a port of its own; `start` returns when it answers."""

    module: str
    arguments: Sequence[str]
    env: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "Server":
        command = [sys.executable, "-m", self.module, "--port", str(self.port), *self.arguments]
        self.process = subprocess.Popen(command, cwd=PROJECT, env={**os.environ, **self.env})
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self.process.poll() is None, f"{self.module} ended with {self.process.returncode}"
            assert time.monotonic() < deadline, f"{self.module} does not answer"
            time.sleep(0.02)
        return self

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(10)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/__health")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()
