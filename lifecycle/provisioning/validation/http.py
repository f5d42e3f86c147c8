"""HTTP clients that share one set of trusted certificates: reading it for each costs more than a check's requests."""

import functools
import ssl

import httpx


def client(base_url: str = "", connections: int = 1) -> httpx.Client:
    """Return a client with short timeouts which goes through no proxy. Close it."""
    return httpx.Client(
        base_url=base_url,
        timeout=httpx.Timeout(5.0, connect=2.0),
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        trust_env=False,
        verify=_trusted(),
    )


@functools.cache
def _trusted() -> ssl.SSLContext:
    return httpx.create_ssl_context()
