"""The tenant's log group in CloudWatch Logs: batched by a background thread, drained when the process stops.

Lines hold an event name, ids and numbers; no text of documents or queries, no names, no addresses. No line names a
user: a session's id tells of nobody once its row is gone, so nothing has to be deleted when a person is erased.
"""

import json
import logging
import os
import threading
import time
from collections import deque
from typing import Any
from uuid import UUID

from botocore.exceptions import BotoCoreError, ClientError

from . import metrics
from .binding import Binding
from .objects import Clients

LOG = logging.getLogger("ragplatform.logs")
FLUSH_SECONDS, BATCH, MAX_WAITING = 1.0, 1_000, 20_000
DRAIN_SECONDS = 5.0

Line = tuple[int, str]
"""Milliseconds since the epoch, JSON text."""


class TenantLogs:
    """Takes lines without waiting, delivers them within about a second."""

    def __init__(self, clients: Clients, region: str) -> None:
        self._clients = clients
        self._stream = f"platform/{region}/{os.getpid()}-{int(time.time())}"
        self._waiting: dict[UUID, tuple[Binding, deque[Line]]] = {}
        self._streams: set[str] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tenant-logs", daemon=True)

    def start(self) -> None:
        """Begin delivering."""
        self._thread.start()

    def stop(self) -> None:
        """Deliver what is waiting, for at most DRAIN_SECONDS."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(DRAIN_SECONDS)

    def write(self, binding: Binding, event: str, **fields: Any) -> None:
        """Queue one line; when a store is down for long the oldest lines go first and are counted."""
        line = int(time.time() * 1000), json.dumps({"event": event, **fields}, default=str)
        with self._lock:
            _, lines = self._waiting.setdefault(binding.tenant_id, (binding, deque()))
            self._waiting[binding.tenant_id] = binding, lines
            lines.append(line)
            if len(lines) > MAX_WAITING:
                lines.popleft()
                metrics.LOG_LINES_LOST.labels(str(binding.tenant_id)).inc()

    def _run(self) -> None:
        while not self._stop.wait(FLUSH_SECONDS):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        with self._lock:
            waiting = [(tenant, binding) for tenant, (binding, lines) in self._waiting.items() if lines]
        for tenant_id, binding in waiting:
            self._deliver(tenant_id, binding)

    def _deliver(self, tenant_id: UUID, binding: Binding) -> None:
        while lines := self._take(tenant_id):
            try:
                self._put(binding, lines)
            except (ClientError, BotoCoreError) as error:
                LOG.warning("logs.delivery.failed tenant=%s reason=%s", tenant_id, type(error).__name__)
                self._streams.discard(binding.log_group)
                with self._lock:
                    self._waiting[tenant_id][1].extendleft(reversed(lines))
                return

    def _take(self, tenant_id: UUID) -> list[Line]:
        with self._lock:
            _, lines = self._waiting[tenant_id]
            return [lines.popleft() for _ in range(min(BATCH, len(lines)))]

    def _put(self, binding: Binding, lines: list[Line]) -> None:
        client = self._clients.of("logs", binding)
        if binding.log_group not in self._streams:
            try:
                client.create_log_stream(logGroupName=binding.log_group, logStreamName=self._stream)
            except client.exceptions.ResourceAlreadyExistsException:
                pass
            self._streams.add(binding.log_group)
        client.put_log_events(
            logGroupName=binding.log_group,
            logStreamName=self._stream,
            # the service wants them in order of time
            logEvents=[{"timestamp": at, "message": text} for at, text in sorted(lines)],
        )
