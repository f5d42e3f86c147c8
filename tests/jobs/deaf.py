"""A PostgreSQL proxy that lets everything through but notifications, as a pooler in transaction mode does."""

import contextlib
import socket
import threading

NOTIFICATION = b"A"


class Deaf:
    """Listens on `port` of 127.0.0.1 and forwards to the server until closed."""

    def __init__(self, host: str, port: int) -> None:
        self.server = (host, port)
        self.door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.door.getsockname()[1]
        self.swallowed = 0
        self.open: list[socket.socket] = [self.door]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for one in self.open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.door.accept()
                server = socket.create_connection(self.server)
                self.open += [client, server]
                for one in (client, server):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._copy, args=(client, server), daemon=True).start()
                threading.Thread(target=self._filter, args=(server, client), daemon=True).start()

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def _filter(self, server: socket.socket, client: socket.socket) -> None:
        """Forward whole messages: one byte of type, four of length (which counts itself), the body."""
        reader = server.makefile("rb")
        with contextlib.suppress(OSError):
            while kind := reader.read(1):
                size = reader.read(4)
                body = reader.read(int.from_bytes(size, "big") - 4)
                if kind == NOTIFICATION:
                    self.swallowed += 1
                else:
                    client.sendall(kind + size + body)
            client.shutdown(socket.SHUT_WR)
