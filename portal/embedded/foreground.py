"""Runs a home in the foreground: from the lock to the last line, with signals in between."""

import asyncio
import os
import signal
import time
from collections.abc import Coroutine
from typing import Any

from portal.embedded import runtime
from portal.embedded.environment import Address
from portal.embedded.home import Home, Unfit
from portal.embedded.passwords import Passwords
from portal.embedded.ports import Ports
from portal.embedded.startup import Options, Say, Startup, wanted_regions
from portal.embedded.supervisor import StartFailed, Supervisor


async def supervise(home: Home, options: Options, lock: int, say: Say, until: int | None) -> int:
    """Run the home until a signal, or the end of process `until`; return the exit code."""
    began = time.monotonic()
    stop, more = asyncio.Event(), asyncio.Event()
    _listen(stop, more, until)
    ports = Ports(runtime.read(home).get("ports", {}))
    at = Address(home, ports, Passwords(home), _web_port(ports, options))
    regions = wanted_regions(home)
    supervisor = Supervisor(home, say, lambda: start.write_runtime(), lock)
    start = Startup(at, options, supervisor, say, regions)
    try:
        if await _unless(stop, start.everything()):
            say(_welcome(at, options, time.monotonic() - began))
            await _unless(stop, _serve(start, more))
        return 0
    finally:
        say("Stopping.")
        supervisor.stop()
        start.ready, start.ready_regions = False, []
        start.write_runtime()
        say(f"Stopped. Data is kept in {home.shown()}.")


async def _serve(start: Startup, more: asyncio.Event) -> None:
    """Run the tour in the background and add regions on request, until cancelled. Neither may end what runs."""
    async with asyncio.TaskGroup() as group:
        group.create_task(_reported(start.tour(), start.say))
        while True:
            await more.wait()
            more.clear()
            await _reported(start.add_regions(), start.say)


async def _reported(work: Coroutine[Any, Any, None], say: Say) -> None:
    try:
        await work
    except* (StartFailed, Unfit) as failures:
        for failure in leaves(failures):
            say(str(failure))


def leaves(failure: BaseException) -> list[BaseException]:
    """The exceptions inside a group of groups."""
    if isinstance(failure, BaseExceptionGroup):
        return [leaf for inner in failure.exceptions for leaf in leaves(inner)]
    return [failure]


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Await the work unless stop comes first; True when the work is done."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not working.done():
        working.cancel()
        await asyncio.wait({working})
        return False
    working.result()
    return True


def _listen(stop: asyncio.Event, more: asyncio.Event, until: int | None) -> None:
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(signum, stop.set)
    loop.add_signal_handler(signal.SIGUSR1, more.set)
    if until is not None:
        try:
            loop.add_reader(os.pidfd_open(until), stop.set)
        except ProcessLookupError:
            stop.set()


def _web_port(ports: Ports, options: Options) -> int:
    if "web" not in options.parts or options.web_port == 0:
        return ports.get("web")
    return ports.fixed("web", options.web_port or 8000, "PORT")


def _welcome(at: Address, options: Options, seconds: float) -> str:
    if "web" not in options.parts:
        return f"Ready after {seconds:.1f} s."
    return (
        f"Ready after {seconds:.1f} s. Open {at.url}\n"
        "Log in as one of the demo people listed on the login page, with the password shown there.\n"
        f"Ctrl-C stops everything; data stays in {at.home.shown()}."
    )
