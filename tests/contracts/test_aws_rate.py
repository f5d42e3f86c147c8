"""AWS's wish to wait is kept by everybody who shares the account's bucket."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

import pytest

from lifecycle.stores import aws
from lifecycle.stores.errors import Transient
from portal.lib.regions import Region


class Busy(ThreadingHTTPServer):
    """Says `503, come back in 0.5 s` so often, then 200."""

    daemon_threads = True

    def __init__(self, refusals: int) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.refusals = refusals
        self.asked_at: list[float] = []


class Answer(BaseHTTPRequestHandler):
    server: Busy

    def do_HEAD(self) -> None:
        self.server.asked_at.append(time.monotonic())
        busy = self.server.refusals > 0
        self.server.refusals -= 1
        self.send_response(503 if busy else 200)
        if busy:
            self.send_header("Retry-After", "0.5")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def busy(request: pytest.FixtureRequest) -> Iterator[Busy]:
    server = Busy(request.param)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def account_of(region: Region, busy: Busy) -> Region:
    """A region on this server whose account nobody else uses."""
    url = f"http://127.0.0.1:{busy.server_address[1]}"
    return replace(region, aws=replace(region.aws, endpoint_url=url, access_key_id=f"AKIA{uuid4().hex[:16].upper()}"))


@pytest.mark.parametrize("busy", [1], indirect=True)
def test_retry_after_is_waited_out_and_the_call_succeeds(region: Region, busy: Busy) -> None:
    aws.client(account_of(region, busy), "s3").head_bucket(Bucket="any-bucket")
    assert len(busy.asked_at) == 2 and busy.asked_at[1] - busy.asked_at[0] >= 0.45


@pytest.mark.parametrize("busy", [99], indirect=True)
def test_a_provider_that_stays_busy_is_transient(region: Region, busy: Busy) -> None:
    with pytest.raises(Transient), aws.translated("objects", "HeadBucket"):
        aws.client(account_of(region, busy), "s3").head_bucket(Bucket="any-bucket")
    assert len(busy.asked_at) == 4
