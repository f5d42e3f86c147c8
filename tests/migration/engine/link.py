"""The network between the mover and one store: it may be slow, thin, silent, or gone."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from portal.lib.regions import Region

BLOCK = 1 << 16


class Link:
    """A region as it is seen through a network of its own.

    `trips` counts round trips: how often something was sent after an answer. `at(number, act)` acts when that many have
    been begun, before what begins the next one is passed on; never if it is 0. `passed` is how many it was by `heal`.
    """

    def __init__(self, region: Region, delay: float = 0.0, rate: float = 0.0) -> None:
        self._delay, self._rate, self._home = delay, rate, region.database
        self.trips, self.passed, self._began, self._when, self._act = 0, 0, 0, 0, lambda: None
        self._ways: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._open = asyncio.Event()
        self._is_there = True
        port = self._do(self._listen())
        self.region = replace(region, database=replace(region.database, host="127.0.0.1", port=port))

    def at(self, number: int, act: Callable[[], Any]) -> None:
        self._began = self.trips
        self._when, self._act = self.trips + number, act

    def hold(self) -> None:
        """Nothing comes through, and nobody is told: connections stand, and new ones are taken and not answered."""
        self._loop.call_soon_threadsafe(self._open.clear)

    def drop(self) -> None:
        """Every connection breaks, and new ones break at once."""
        self._loop.call_soon_threadsafe(self._drop)

    def heal(self) -> None:
        self._when, self.passed = 0, self.trips - self._began
        self._do(self._heal())

    def close(self) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _end(self) -> None:
        self._drop()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for one in others:
            one.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    async def _listen(self) -> int:
        self._open.set()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def _heal(self) -> None:
        """What was silent stays broken: its packets are gone."""
        for way in self._ways:
            way.cancel() if not self._open.is_set() else None
        self._is_there = True
        self._open.set()

    def _drop(self) -> None:
        self._is_there = False
        for way in self._ways:
            way.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._is_there:
            return writer.close()
        there, back = await asyncio.open_connection(self._home.host, self._home.port)
        turn = ["answer"]
        ways = [
            self._loop.create_task(self._pass(*way, turn))
            for way in ((reader, back, "asks"), (there, writer, "answer"))
        ]
        self._ways.update(ways)
        with suppress(OSError, asyncio.CancelledError):
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        self._ways.difference_update(ways)
        writer.close()
        back.close()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, who: str, turn: list[str]
    ) -> None:
        while block := await reader.read(BLOCK):
            if turn[0] != who:
                turn[0] = who
                if who == "asks":
                    self._count()
            await self._open.wait()
            if self._rate:
                await asyncio.sleep(len(block) / self._rate)
            if self._delay:
                self._loop.call_later(self._delay, writer.write, block)
            else:
                writer.write(block)
                await writer.drain()
        if self._delay:
            await asyncio.sleep(self._delay)

    def _count(self) -> None:
        self.trips += 1
        if self.trips == self._when:
            self._act()
