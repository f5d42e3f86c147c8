"""A token with a registered key writes signed (RFC 9421), or not at all; what it signed is kept beside its entries."""

import base64
import hashlib
import json
import time
from datetime import timedelta
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.db import IntegrityError, connection, transaction
from django.test import Client

from portal.access.actions import issue_token
from portal.access.actor import Actor
from portal.access.models import ApiToken
from portal.audit.models import Entry
from portal.lib.errors import Absent, Conflict, Invalid
from portal.signatures import base, keys
from portal.signatures.models import ClientKey, SignedRequest
from tests.admin.world import person

pytestmark = pytest.mark.django_db
SESSIONS, BODY = "/api/v1/red-flags/", {"kind": "freeze", "title": "Year end", "reason": "because"}
PAST = 403  # past the door: this token may not do it, and that is asked later
FIELDS = '("@method" "@target-uri" "content-digest")'
RFC_KEY = b"""-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=
-----END PUBLIC KEY-----"""
RFC_SIGNATURE = "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
RFC_FIELDS = ("date", "@method", "@path", "@authority", "content-type", "content-length")
RFC_PARAMETERS = f'({" ".join(map(json.dumps, RFC_FIELDS))});created=1618884473;keyid="test-key-ed25519"'


def test_the_base_is_that_of_the_standards_own_example() -> None:
    """RFC 9421, appendix B.2.6."""
    sent = {"date": "Tue, 20 Apr 2021 02:07:55 GMT", "content-type": "application/json", "content-length": "18"}
    message = base.Message("POST", "https://example.com/foo", "example.com", "/foo", "", sent.get)
    signed = base.base_of(message, RFC_FIELDS, RFC_PARAMETERS)
    key = load_pem_public_key(RFC_KEY)
    assert isinstance(key, Ed25519PublicKey)
    key.verify(base64.b64decode(RFC_SIGNATURE), signed)
    with pytest.raises(InvalidSignature):
        key.verify(base64.b64decode(RFC_SIGNATURE), signed + b" ")


class Signer:
    """A client with a token and, once registered, a key."""

    def __init__(self) -> None:
        self.actor = Actor.of_user(person("kiran"))
        self.token, self.credential = issue_token(
            actor=self.actor, user=person("kiran"), label="ci", scopes=["tenant.read"],
            life=timedelta(days=1), reason="For tests.",
        )  # fmt: skip
        self.private = Ed25519PrivateKey.generate()

    @property
    def public(self) -> str:
        return base64.b64encode(self.private.public_key().public_bytes_raw()).decode()

    def register(self) -> ClientKey:
        return keys.register(token=self.token.pk, public_key=self.public, actor=self.actor, reason="For tests.")

    def headers(self, body: bytes, path: str = "/api/v1/red-flags/", **other: Any) -> dict[str, str]:
        """Those of a signed POST; `other` says something else than what is true."""
        said = {"keyid": hashlib.sha256(self.private.public_key().public_bytes_raw()).hexdigest()[:16], **other}
        created = int(time.time()) - int(said.get("age", 0))
        fields = said.get("fields", FIELDS)
        parameters = f'{fields};created={created};keyid="{said["keyid"]}"'
        digest = f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
        lines = [
            f'"@method": {said.get("method", "POST")}',
            f'"@target-uri": http://testserver{path}',
            f'"content-digest": {digest}',
            f'"@signature-params": {parameters}',
        ]
        signed = base64.b64encode(self.private.sign("\n".join(lines).encode())).decode()
        return {
            "HTTP_CONTENT_DIGEST": digest,
            "HTTP_SIGNATURE_INPUT": f"sig={parameters}",
            "HTTP_SIGNATURE": f"sig=:{signed}:",
        }

    def post(self, body: dict[str, Any] = BODY, **headers: str) -> Any:
        bearer = {"HTTP_AUTHORIZATION": f"Bearer {self.credential}"}
        return Client().post(SESSIONS, json.dumps(body), content_type="application/json", **bearer, **headers)


@pytest.fixture
def signer(shipped: None) -> Signer:
    return Signer()


def test_without_a_key_nothing_needs_a_signature(signer: Signer) -> None:
    assert signer.post().status_code == PAST


def test_with_a_key_what_is_not_signed_is_refused_and_what_is_signed_is_kept(signer: Signer) -> None:
    signer.register()
    refused = signer.post()
    assert refused.status_code == 401 and "Signature-Input" in refused.json()["detail"]
    assert refused.json()["type"].endswith("signature-refused") and not SignedRequest.objects.exists()
    taken = signer.post(**signer.headers(json.dumps(BODY).encode()))
    assert taken.status_code == PAST, taken.json()
    kept = SignedRequest.objects.get()
    signer.private.public_key().verify(base64.b64decode(kept.signature), kept.base.encode())
    entries = Entry.objects.filter(body__contains=kept.request_id)
    assert any("signatures.signedrequest" in one.body for one in entries)


WRONG: dict[str, dict[str, Any]] = {
    "another key": {"keyid": "0" * 16},
    "another method": {"method": "PUT"},
    "another address": {"path": "/api/v1/tenants/"},
    "an old one": {"age": 3600},
    "one from tomorrow": {"age": -86_400},
    "the body left out": {"fields": '("@method" "@target-uri")'},
    "a field twice": {"fields": '("@method" "@method" "@target-uri" "content-digest")'},
    "a field nobody knows": {"fields": '("@method" "@target-uri" "content-digest" "@status")'},
    "no list": {"fields": "@method"},
}


@pytest.mark.parametrize("what", WRONG)
def test_wrongly_signed_is_refused(signer: Signer, what: str) -> None:
    signer.register()
    answer = signer.post(**signer.headers(json.dumps(BODY).encode(), **WRONG[what]))
    assert answer.status_code == 401 and answer["Content-Type"] == "application/problem+json"
    assert not SignedRequest.objects.exists()


def test_another_body_or_the_same_signature_again_is_refused(signer: Signer) -> None:
    signer.register()
    headers = signer.headers(json.dumps(BODY).encode())
    assert signer.post({**BODY, "title": "Other"}, **headers).status_code == 401
    assert signer.post(**headers).status_code == PAST
    again = signer.post(**headers)
    assert again.status_code == 401 and "has been used" in again.json()["detail"]


def test_reading_needs_no_signature(signer: Signer) -> None:
    signer.register()
    answer = Client().get("/api/v1/tenants/", HTTP_AUTHORIZATION=f"Bearer {signer.credential}")
    assert answer.status_code == 200


def test_a_key_is_its_owners_and_ends(signer: Signer) -> None:
    key = signer.register()
    with pytest.raises(Conflict):
        signer.register()
    with pytest.raises(Absent):
        keys.revoke(key.pk, actor=Actor.of_user(person("meera")), reason="Not mine.")
    with pytest.raises(Invalid):
        keys.register(token=signer.token.pk, public_key="AAAA", actor=signer.actor, reason="Too short.")
    keys.revoke(key.pk, actor=signer.actor, reason="Lost.")
    assert signer.post().status_code == PAST
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE signatures_clientkey SET revoked_at = NULL")
    assert ApiToken.objects.get(pk=signer.token.pk).revoked_at is None
