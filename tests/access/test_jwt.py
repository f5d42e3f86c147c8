"""Access tokens: what is not exactly one of ours is answered with 401, and never with a fault."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings

from portal.access import jwt
from portal.access.models import User
from portal.lib.clock import now

URL = "/api/v1/me"
NOT_TEXT, ENDLESS = b"\xff\xfe", b'{"exp": Infinity}'


def part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def header(**changes: Any) -> dict[str, Any]:
    return {"alg": "EdDSA", "typ": "at+jwt", "kid": jwt.public_jwk()["kid"], **changes}


def claims(user: User, **changes: Any) -> dict[str, Any]:
    at = int(now().timestamp())
    plain = {"iss": settings.PUBLIC_URL, "aud": "bailiwick", "sub": str(user.pk), "iat": at, "exp": at + 600}
    return {key: value for key, value in {**plain, **changes}.items() if value is not None}


def signed(head: Any, body: Any, key: Any = None) -> str:
    """A token with exactly this header and body, signed by our key or another one."""
    text = f"{part(head)}.{part(body)}"
    return f"{text}.{part((key or jwt._key()).sign(text.encode()))}"


def by_hmac(head: Any, body: Any, key: bytes) -> str:
    text = f"{part(head)}.{part(body)}"
    return f"{text}.{part(hmac.new(key, text.encode(), hashlib.sha256).digest())}"


def public(encoding: Encoding, form: PublicFormat) -> bytes:
    found: bytes = jwt._key().public_key().public_bytes(encoding, form)
    return found


def tampered(token: str, **changes: Any) -> str:
    """The same token with other claims under its old signature."""
    head, body, signature = token.split(".")
    found = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return f"{head}.{part({**found, **changes})}.{signature}"


def forgeries(user: User) -> dict[str, str]:
    at = int(now().timestamp())
    good = jwt.mint(str(user.pk))
    head, body, signature = good.split(".")
    other = Ed25519PrivateKey.generate()
    twice = json.dumps(claims(user))[:-1] + f', "sub": "{user.pk}"}}'
    two_heads = json.dumps(header())[:-1] + ', "alg": "EdDSA"}'
    return {
        "nothing": "",
        "words": "let me in",
        "two parts": f"{head}.{body}",
        "four parts": f"{good}.x",
        "not base64": f"{head}.%%%.{signature}",
        "not unicode": f"{part(NOT_TEXT)}.{body}.{signature}",
        "a list for a header": signed([1], claims(user)),
        "a list for a body": signed(header(), [1]),
        "deep nesting": f"{part(b'[' * 6000)}.{body}.{signature}",
        "none": f"{part(header(alg='none'))}.{body}.",
        "none with our signature": f"{part(header(alg='none'))}.{body}.{signature}",
        "None in capitals": f"{part(header(alg='NONE'))}.{body}.",
        "HS256 over the PEM": by_hmac(
            header(alg="HS256"), claims(user), public(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        ),
        "HS256 over the raw key": by_hmac(header(alg="HS256"), claims(user), public(Encoding.Raw, PublicFormat.Raw)),
        "HS256 over the JWK": by_hmac(header(alg="HS256"), claims(user), json.dumps(jwt.public_jwk()).encode()),
        "another key": signed(header(), claims(user), other),
        "another key in the header": signed(
            header(jwk={"kty": "OKP", "crv": "Ed25519", "x": part(other.public_key().public_bytes_raw())}),
            claims(user),
            other,
        ),
        "an address for a key": signed(header(jku="http://evil.example/jwks"), claims(user), other),
        "a certificate's address for a key": signed(header(x5u="https://evil.example/cert"), claims(user), other),
        "a certificate for a key": signed(header(x5c=["MIIB"]), claims(user), other),
        "tampered tenant": tampered(jwt.mint(str(user.pk), tenant=str(user.pk)), tenant="another"),
        "tampered subject": tampered(good, sub="00000000-0000-7000-8000-000000000000"),
        "tampered body": f"{head}.{part(claims(user, scope='access.write'))}.{signature}",
        "tampered signature": good[:-4] + ("AAAA" if not good.endswith("AAAA") else "BBBB"),
        "no signature": f"{head}.{body}.",
        "wrong audience": signed(header(), claims(user, aud="rag-platform")),
        "several audiences": signed(header(), claims(user, aud=["bailiwick", "rag-platform"])),
        "no audience": signed(header(), claims(user, aud=None)),
        "wrong issuer": signed(header(), claims(user, iss="http://evil.example")),
        "no issuer": signed(header(), claims(user, iss=None)),
        "wrong typ": signed(header(typ="JWT"), claims(user)),
        "no typ": signed({"alg": "EdDSA", "kid": jwt.public_jwk()["kid"]}, claims(user)),
        "unknown kid": signed(header(kid="another"), claims(user)),
        "a path for a kid": signed(header(kid="../../../dev/null"), claims(user)),
        "expired": signed(header(), claims(user, iat=at - 700, exp=at - 1)),
        "no expiry": signed(header(), claims(user, exp=None)),
        "far future": signed(header(), claims(user, exp=at + 86_400)),
        "a little too far": signed(header(), claims(user, exp=at + 15 * 60 + 30)),
        "expiry in a text": signed(header(), claims(user, exp=str(at + 600))),
        "expiry in a fraction": signed(header(), claims(user, exp=at + 600.5)),
        "expiry true": signed(header(), claims(user, exp=True)),
        "expiry infinite and signed": signed(header(), ENDLESS),
        "not before in words": signed(header(), claims(user, nbf="soon")),
        "not before infinite": signed(header(), json.dumps(claims(user))[:-1].encode() + b', "nbf": Infinity}'),
        "deep nesting, signed": signed(header(), b'{"a":' * 900 + b"1" + b"}" * 900),
        "a nested claim twice": signed(header(), json.dumps(claims(user))[:-1].encode() + b', "x": {"a": 1, "a": 2}}'),
        "not ASCII": f"{head}.{body}.é{signature}",
        "digits of another script": good.replace(good[-1], "１"),
        "expiry in words": signed(header(), claims(user, exp="tomorrow")),
        "expiry infinite": f"{part(header())}.{part(ENDLESS)}.{signature}",
        "issued in the future": signed(header(), claims(user, iat=at + 3600)),
        "not yet valid": signed(header(), claims(user, nbf=at + 3600)),
        "a claim twice": signed(header(), twice.encode()),
        "a header twice": signed(two_heads.encode(), claims(user)),
        "unknown crit": signed(header(crit=["exp", "magic"], magic=1), claims(user)),
        "empty crit": signed(header(crit=[]), claims(user)),
        "oversized": signed(header(), claims(user, padding="x" * 9000)),
        "no subject": signed(header(), claims(user, sub=None)),
        "a number for a subject": signed(header(), claims(user, sub=7)),
        "a name for a subject": signed(header(), claims(user, sub="meera")),
        "a list for a subject": signed(header(), claims(user, sub=[str(user.pk)])),
        "nobody": signed(header(), claims(user, sub="00000000-0000-7000-8000-000000000000")),
        "of an earlier epoch": signed(header(), claims(user, epoch=7)),
        "scope of another kind": signed(header(), claims(user, scope=["access.write"])),
        "a platform token": jwt.mint(str(user.pk), audience=jwt.PLATFORM_AUDIENCE),
    }


def test_every_forgery_is_refused(bearing: Any, meera: User) -> None:
    for name, token in forgeries(meera).items():
        answer = bearing(token).get(URL)
        assert answer.status_code == 401, (name, answer.status_code, answer.content)
        assert answer["Content-Type"] == "application/problem+json", name
        assert answer["WWW-Authenticate"].startswith("Bearer"), name
        problem = answer.json()
        assert (problem["status"] == 401 and "not valid" in problem["detail"]) or name == "nothing", (name, problem)


def test_a_key_that_a_header_brings_along_is_not_looked_at(bearing: Any, meera: User) -> None:
    """Signed by us, it is ours; what stands there about other keys changes nothing, and nothing is fetched."""
    stranger = {"kty": "OKP", "crv": "Ed25519", "x": part(Ed25519PrivateKey.generate().public_key().public_bytes_raw())}
    for name, value in {"jwk": stranger, "jku": "http://127.0.0.1:1/", "x5u": "http://127.0.0.1:1/"}.items():
        assert bearing(signed(header(**{name: value}), claims(meera))).get(URL).status_code == 200


def test_exactly_eight_kilobytes(bearing: Any, meera: User) -> None:
    padded = [signed(header(), claims(meera, padding="x" * size)) for size in range(5700, 6100)]
    fits = max((one for one in padded if len(one) <= 8192), key=len)
    assert bearing(fits).get(URL).status_code == 200
    over = min((one for one in padded if len(one) > 8192), key=len)
    assert bearing(over).get(URL).status_code == 401


def test_one_of_ours_is_taken(bearing: Any, meera: User) -> None:
    for token in (jwt.mint(str(meera.pk)), signed(header(), claims(meera))):
        assert bearing(token).get(URL).json()["username"] == "meera"


def test_a_token_never_lives_longer_than_a_quarter_of_an_hour(meera: User) -> None:
    found = pyjwt.decode(jwt.mint(str(meera.pk), life=timedelta(days=3)), options={"verify_signature": False})
    assert found["exp"] - found["iat"] == 900


def test_it_ends_when_its_time_has_come(bearing: Any, meera: User, time_machine: Any) -> None:
    client = bearing(jwt.mint(str(meera.pk)))
    assert client.get(URL).status_code == 200
    time_machine.move_to(now() + timedelta(minutes=15, seconds=1))
    assert client.get(URL).status_code == 401


def test_a_scope_narrows(bearing: Any, meera: User) -> None:
    reads = bearing(jwt.mint(str(meera.pk), scope="tenant.read request.read"))
    assert reads.get("/api/v1/tenants/").status_code == 200
    assert reads.post("/api/v1/tenant-requests/estimate/", {}).status_code in (403, 422)
    assert bearing(jwt.mint(str(meera.pk), scope="")).get("/api/v1/approvals/").status_code == 403


@pytest.mark.parametrize("scheme", ["Basic", "Token", "bearer", "BEARER"])
def test_schemes(shipped: None, bearing: Any, meera: User, scheme: str) -> None:
    client = bearing("")
    client.credentials(HTTP_AUTHORIZATION=f"{scheme} {jwt.mint(str(meera.pk))}")
    assert client.get(URL).status_code == (200 if scheme.lower() == "bearer" else 401)


def test_the_key_set_tells_the_public_half_only(client: Any) -> None:
    keys = client.get("/.well-known/jwks.json").json()["keys"]
    assert [set(key) for key in keys] == [{"crv", "kty", "x", "alg", "use", "kid"}]
