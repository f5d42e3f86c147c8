"""Local ports, chosen once, kept while they are free, and reserved until their service listens."""

import secrets
import socket

from portal.embedded.home import Unfit

# Below the range from which the kernel takes ports for outgoing connections, above the well-known ones.
LOWEST, HIGHEST = 10_000, 31_999


class Ports:
    """Gives each name its port; the reservations end with release()."""

    def __init__(self, known: dict[str, int]) -> None:
        self.chosen: dict[str, int] = {}
        self._known = known
        self._reserved: list[socket.socket] = []

    def get(self, name: str) -> int:
        """The port this name had before, if it is still free, else a new one."""
        if name not in self.chosen:
            kept = self._known.get(name, 0)
            self.chosen[name] = kept if kept and self._reserve(kept, reuse=True) else self._any()
        return self.chosen[name]

    def fixed(self, name: str, port: int, variable: str) -> int:
        """Exactly this port, or Unfit naming the variable that chooses another."""
        if not 0 < port < 65_536:
            raise Unfit(f"{variable}={port} is not a port. Set {variable} to a number from 1024 to 65535.")
        if not self._reserve(port, reuse=True):
            raise Unfit(
                f"Port {port} is taken or not yours to open. Set {variable} to a free one, such as {variable}=8001."
            )
        self.chosen[name] = port
        return port

    def release(self) -> None:
        """Let go of the reservations: the services listen now."""
        for reservation in self._reserved:
            reservation.close()
        self._reserved.clear()

    def _any(self) -> int:
        for _ in range(1000):
            port = secrets.choice(range(LOWEST, HIGHEST + 1))
            if self._reserve(port, reuse=False):
                return port
        raise Unfit(f"No free local port between {LOWEST} and {HIGHEST}.")

    def _reserve(self, port: int, *, reuse: bool) -> bool:
        """Bind without listening. The child may bind too, since both sockets allow reuse; a listener makes us fail.

        A new choice binds strictly, so that it also sees the reservations of another stack starting right now; a kept
        port may have closed connections lingering on it, which a strict bind would trip over.
        """
        reservation = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            if reuse:
                reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            reservation.bind(("127.0.0.1", port))
            reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        except OSError:
            reservation.close()
            return False
        self._reserved.append(reservation)
        return True
