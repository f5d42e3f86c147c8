"""One AWS of two regions, by moto, which knows what of AWS is a region's and what an account's."""

import json
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from lifecycle.erasure.planting import ALWAYS
from tests.verifiers.hostile import http


class Account:
    """moto, but for the policies of buckets: it takes any denial for everybody's, whatever its conditions are."""

    def __init__(self) -> None:
        self._moto, self._policies = DomainDispatcherApplication(create_backend_app), dict[str, bytes]()

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        if environ["QUERY_STRING"] != "policy":
            return self._moto(environ, start)
        bucket = environ["PATH_INFO"]
        if environ["REQUEST_METHOD"] == "PUT":
            self._policies[bucket] = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        elif environ["REQUEST_METHOD"] == "DELETE":
            self._policies.pop(bucket, None)
        elif bucket in self._policies:
            start("200 OK", [("Content-Type", "application/json")])
            return [self._policies[bucket]]
        else:
            start("404 Not Found", [("Content-Type", "application/xml")])
            return [b"<Error><Code>NoSuchBucketPolicy</Code><Message>none</Message></Error>"]
        start("204 No Content", [])
        return []


class _Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def aws_url() -> Iterator[str]:
    server = make_server("127.0.0.1", 0, Account(), threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def account(aws_url: str, settings: Any, tmp_path: Path) -> Iterator[None]:
    """Every region of the installation is in that one account. Its platforms have forgotten everybody."""
    known = json.loads(Path(settings.REGIONS_FILE).read_text())
    key = {"access_key_id": "owner", "secret_access_key": "not-a-secret"}
    series = f'rag_started_seconds 1\nanswers_total{{tenant="{ALWAYS}"}} 1\n'.encode()
    with http(lambda path: (200, "text/plain", series, 0)) as told:
        for one in known.values():
            one["aws"], one["platform"] = {"endpoint_url": aws_url, **key}, {"url": told}
            one["verifier"] |= key
        settings.REGIONS_FILE = tmp_path / "regions.json"
        settings.REGIONS_FILE.write_text(json.dumps(known))
        settings.SECRETS_DIR = tmp_path / "secrets"
        yield
