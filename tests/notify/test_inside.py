"""A webhook cannot be pointed inside: not by notation, name, redirect, second answer, port, patience or size."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from portal.lib.errors import Invalid
from portal.notify.adapters import addresses, http

INSIDE = {
    "loopback": "127.0.0.1",
    "loopback far up": "127.255.255.254",
    "decimal": "2130706433",
    "octal": "0177.0.0.1",
    "octal whole": "017700000001",
    "hexadecimal": "0x7f000001",
    "hexadecimal parts": "0x7f.0x0.0x0.0x1",
    "short": "127.1",
    "shorter": "10.1",
    "zero": "0",
    "all zeros": "0.0.0.0",
    "this network": "0.1.2.3",
    "private A": "10.1.2.3",
    "private B": "172.31.255.255",
    "private C": "192.168.0.1",
    "shared": "100.64.0.1",
    "link-local": "169.254.1.1",
    "metadata": "169.254.169.254",
    "metadata decimal": "2852039166",
    "metadata of another cloud": "100.100.100.200",
    "documentation": "192.0.2.1",
    "benchmarks": "198.18.0.1",
    "multicast": "224.0.0.1",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "trailing dot": "127.0.0.1.",
    "v6 loopback": "[::1]",
    "v6 nothing": "[::]",
    "v6 metadata": "[fd00:ec2::254]",
    "v6 local": "[fc00::1]",
    "v6 link-local": "[fe80::1]",
    "v6 link-local with a zone": "[fe80::1%25eth0]",
    "v6 multicast": "[ff02::1]",
    "v6 mapped": "[::ffff:127.0.0.1]",
    "v6 mapped in hexadecimal": "[::ffff:a9fe:a9fe]",
    "v6 compatible": "[::127.0.0.1]",
    "v6 compatible metadata": "[::a9fe:a9fe]",
    "NAT64": "[64:ff9b::169.254.169.254]",
    "NAT64 of one's own": "[64:ff9b:1::a9fe:a9fe]",
    "6to4": "[2002:a9fe:a9fe::1]",
    "Teredo": "[2001:0:7f00:1::1]",
    "v6 documentation": "[2001:db8::1]",
    "full-width digits": "１２７.０.０.１",
    "circled digits": "①②⑦.⓪.⓪.①",
    "ideographic stops": "127。0。0。1",
}
FORMS = {
    "plain": "http://example.com/",
    "file": "file:///etc/passwd",
    "gopher": "gopher://example.com/",
    "upper case": "HTTP://example.com/",
    "a name and a password": "https://user:pw@example.com/",
    "a name that looks like the host": "https://example.com@127.0.0.1/",
    "a fragment": "https://example.com/#x",
    "a backslash": "https://example.com\\@127.0.0.1/",
    "a line break": "https://example.com/\r\nX: y",
    "a blank": "https://exa mple.com/",
    "a tab": "https://exam\tple.com/",
    "ssh": "https://example.com:22/",
    "smtp": "https://example.com:25/",
    "no port": "https://example.com:0/",
    "a port beyond": "https://example.com:65536/",
    "a port in words": "https://example.com:https/",
    "no host": "https:///x",
    "half a bracket": "https://[::1/",
}


@pytest.mark.parametrize("host", INSIDE.values(), ids=list(INSIDE))
def test_an_address_inside_is_refused_when_typed_and_when_sent(host: str) -> None:
    with pytest.raises(Invalid):
        addresses.check_url(f"https://{host}/hook")
    try:
        outcome = http.post(f"https://{host}/hook", b"{}", {})
    except Exception as error:
        pytest.fail(f"{type(error).__name__} instead of an outcome: {error}")
    assert outcome.error.startswith("Not sent"), outcome


@pytest.mark.parametrize("url", FORMS.values(), ids=list(FORMS))
def test_forms_that_are_refused(url: str) -> None:
    with pytest.raises(Invalid):
        addresses.check_url(url)


@pytest.mark.parametrize(
    "url",
    ["https://example.com/a?b=c", "https://example.com:8443/", "https://8.8.8.8/", "https://xn--bcher-kva.example/"],
)
def test_forms_that_are_taken(url: str) -> None:
    assert addresses.check_url(url) == url


@contextmanager
def names(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> Iterator[list[str]]:
    """A name server that gives one answer after the other, the last one for ever; yields the names it was asked."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def answer(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host != "hooks.example":
            return real(host, port, *args, **kwargs)
        asked.append(host)
        found = answers[min(len(asked), len(answers)) - 1]
        return [entry for address in found for entry in real(address, port, type=socket.SOCK_STREAM)]

    with monkeypatch.context() as patched:
        patched.setattr(socket, "getaddrinfo", answer)
        yield asked


def test_one_bad_address_of_a_name_spoils_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for inside in ("127.0.0.1", "169.254.169.254", "::1", "fd00:ec2::254"):
        with names(monkeypatch, ["8.8.8.8", inside]), pytest.raises(addresses.Refused):
            addresses.resolve("hooks.example", 443)


def test_a_name_with_both_kinds_of_address(monkeypatch: pytest.MonkeyPatch) -> None:
    with names(monkeypatch, ["2606:4700:4700::1111", "8.8.8.8"]):
        assert addresses.resolve("hooks.example", 443) == "8.8.8.8"


def test_the_judged_address_is_the_one_connected_to(receiver: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second answer of a rebinding name server is never asked for, and the receiver still sees its own name."""
    port = receiver.server.server_port
    with names(monkeypatch, ["127.0.0.1"], ["192.0.2.1"]) as asked:
        assert http.post(f"http://hooks.example:{port}/hook", b"{}", {}).is_delivered
    assert asked == ["hooks.example"]
    assert receiver.received[0].headers["host"] == f"hooks.example:{port}"


def test_a_name_that_moves_inside_is_refused_at_the_next_sending(
    receiver: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.NOTIFY_ALLOW_PRIVATE_ADDRESSES = False
    with names(monkeypatch, ["8.8.8.8"], ["127.0.0.1"]):
        assert addresses.resolve("hooks.example", 443) == "8.8.8.8"
        outcome = http.post(f"https://hooks.example:{receiver.server.server_port}/", b"{}", {})
    assert outcome.error == "Not sent: the address is not a public one." and not receiver.received


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(receiver: Any, status: int) -> None:
    receiver.answers = [(status, {"Location": f"{receiver.url}/elsewhere"})]
    outcome = http.post(receiver.url, b"{}", {})
    assert (outcome.is_delivered, outcome.status, len(receiver.received)) == (False, status, 1)


def test_no_proxy_of_the_environment_is_used(receiver: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert http.post(receiver.url, b"{}", {}).is_delivered


@contextmanager
def raw_server(behave: Any) -> Iterator[int]:
    """A socket that behaves as told with the first connection, in a thread of its own."""
    over = Event()
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            link, _ = door.accept()
            with link:
                try:
                    behave(link, over)
                except OSError:
                    pass

        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield door.getsockname()[1]
        over.set()
        thread.join(30)


def test_a_receiver_that_drips(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps every single wait short and would never end."""
    settings.NOTIFY_ALLOW_PRIVATE_ADDRESSES = True
    monkeypatch.setattr(http, "PATIENCE", 0.5)

    def drip(link: socket.socket, over: Event) -> None:
        link.sendall(b"HTTP/1.1 200 OK\r\n")
        while not over.wait(0.05):
            link.sendall(b"X-More: of it\r\n")

    began = monotonic()
    with raw_server(drip) as port:
        outcome = http.post(f"http://127.0.0.1:{port}/", b"{}", {})
    assert not outcome.is_delivered and outcome.error and monotonic() - began < 60


def test_a_receiver_without_end(settings: Any) -> None:
    """A head beyond all measure is refused; a body is never read, so its size does not matter."""
    settings.NOTIFY_ALLOW_PRIVATE_ADDRESSES = True

    def heads(link: socket.socket, over: Event) -> None:
        link.sendall(b"HTTP/1.1 200 OK\r\n")
        while not over.is_set():
            link.sendall(b"X-More: " + b"x" * 60_000 + b"\r\n")

    with raw_server(heads) as port:
        assert not http.post(f"http://127.0.0.1:{port}/", b"{}", {}).is_delivered

    def body(link: socket.socket, over: Event) -> None:
        link.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
        while not over.is_set():
            link.sendall(b"x" * 60_000)

    with raw_server(body) as port:
        assert http.post(f"http://127.0.0.1:{port}/", b"{}", {}).is_delivered


def certificate(name: str, folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    who, at = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]), datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(who).issuer_name(who).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(at - timedelta(days=1)).not_valid_after(at + timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    signed = made.sign(key, hashes.SHA256())
    (folder / "cert").write_bytes(signed.public_bytes(Encoding.PEM))
    (folder / "key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return folder / "cert", folder / "key"


def test_tls_asks_for_the_name_and_believes_no_stranger(
    settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Connected to by address, but greeted by name; a certificate nobody vouches for is refused."""
    settings.NOTIFY_ALLOW_PRIVATE_ADDRESSES = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate("hooks.example", tmp_path))
    greeted: list[Any] = []
    context.sni_callback = lambda link, name, this: greeted.append(name)

    def greet(link: socket.socket, over: Event) -> None:
        context.wrap_socket(link, server_side=True).recv(1)

    with raw_server(greet) as port, names(monkeypatch, ["127.0.0.1"]):
        outcome = http.post(f"https://hooks.example:{port}/", b"{}", {})
    assert greeted == ["hooks.example"]
    assert (outcome.is_delivered, outcome.error) == (False, "ConnectError")
