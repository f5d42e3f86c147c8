"""What a supervised service is, and the conditions by which it counts as ready."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from portal.embedded.home import PROJECT
from portal.embedded.procs import WORK


@dataclass(frozen=True)
class Account:
    """A user and group of this machine."""

    uid: int
    gid: int


@dataclass(frozen=True)
class Launch:
    """One start of a service: where its log was when it began."""

    log: Path
    log_offset: int


Ready = Callable[[Launch], Awaitable[bool]]


@dataclass(frozen=True, kw_only=True)
class Command:
    """A process to start: how, as whom, and how it wants to be stopped."""

    name: str
    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    account: Account | None = None
    cwd: Path = PROJECT
    stage: int = WORK
    stop_signal: int = signal.SIGTERM


@dataclass(frozen=True, kw_only=True)
class Service(Command):
    """A process that runs for as long as the supervisor does, and the condition by which it is ready."""

    ready: Ready
    port: int | None = None
    stale: tuple[Path, ...] = ()


async def _ask(port: int, request: bytes, answer_bytes: int = 64) -> bytes:
    """Send bytes to a local port and return the first of its answer; empty when nobody answers."""
    writer = None
    try:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request)
            return await reader.read(answer_bytes)
    except (OSError, TimeoutError):
        return b""
    finally:
        if writer is not None:
            writer.close()


def http(port: int, path: str, *, ok: str = "2") -> Ready:
    """Ready when the path answers with a status that begins with one of the digits."""
    request = f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()

    async def answers(_: Launch) -> bool:
        status = (await _ask(port, request)).split(b" ")
        return len(status) > 1 and status[1][:1].decode() in ok

    return answers


def postgres(port: int) -> Ready:
    """Ready when the server asks a client for its password instead of sending an error."""
    body = b"\x00\x03\x00\x00user\x00postgres\x00database\x00postgres\x00\x00"
    startup = (len(body) + 4).to_bytes(4, "big") + body

    async def accepts(_: Launch) -> bool:
        return (await _ask(port, startup, 1)) == b"R"

    return accepts


def redis(port: int, password: str) -> Ready:
    """Ready when PING is answered, which is after the append-only file has been loaded."""
    request = f"AUTH {password}\r\nPING\r\nQUIT\r\n".encode()

    async def answers(_: Launch) -> bool:
        return (await _ask(port, request)).startswith(b"+OK\r\n+PONG")

    return answers


def log_says(text: str) -> Ready:
    """Ready when this launch has written the text to its log."""
    wanted = text.encode()

    async def said(launch: Launch) -> bool:
        with launch.log.open("rb") as log:
            log.seek(launch.log_offset)
            return wanted in log.read()

    return said


def file_appears(path: Path) -> Ready:
    """Ready when the file exists; list it in `stale` so that an old one does not count."""

    async def appeared(_: Launch) -> bool:
        return path.exists()

    return appeared
