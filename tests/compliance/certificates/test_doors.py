"""The public page, the library and the API: who gets what, what a stranger learns, and how much they may ask."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection, transaction
from django.test import Client

from compliance.certificates import trusted
from compliance.certificates.models import Certificate
from portal.access.models import Person, User
from portal.notify import schedule
from tests.admin.world import World, build
from tests.compliance.certificates.conftest import Kit, intended, issued
from tests.compliance.certificates.made import finished, issued_row

pytestmark = pytest.mark.django_db
PAGE = "/verify/"


@pytest.fixture
def world(shipped: None) -> World:
    return build()


@pytest.fixture
def row(world: World) -> Certificate:
    return issued_row(world.tenant.pk, "FIN", "scene")


def posted(client: Client, data: bytes, name: str = "certificate.pdf") -> Any:
    return client.post(PAGE, {"file": SimpleUploadedFile(name, data)})


def test_anybody_may_have_a_file_checked(certificate: Certificate, client: Client) -> None:
    good = posted(client, certificate.document.encode())
    assert good.status_code == 200 and ">valid</span>" in good.content.decode() and "EC-000001" in good.content.decode()
    bad = posted(client, certificate.document.replace('"serial":1', '"serial":2').encode())
    assert bad.status_code == 422 and "sealed another certificate" in bad.content.decode()
    assert good["Content-Security-Policy"].startswith("default-src 'self'") and good["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"%PDF-1.7\n", b"\x00" * 999, b"[" * 50_000, b"%PDF-/ByteRange [0 1 2 3]"]
)
def test_a_file_of_any_kind_is_answered(client: Client, data: bytes) -> None:
    assert posted(client, data + b" ").status_code == 422


def test_sizes_and_counts_have_limits(client: Client, settings: Any) -> None:
    assert posted(client, b"x" * ((2 << 20) + 9_999)).status_code == 413
    assert client.post(PAGE).status_code == 422
    settings.CERTIFICATES = {**settings.CERTIFICATES, "looks_a_minute": 3}
    answers = [client.get(PAGE) for _ in range(3)]
    assert [one.status_code for one in answers] == [200, 429, 429] and int(answers[2]["Retry-After"]) > 0


def test_an_id_says_whether_it_stands_and_about_nobody(row: Certificate, client: Client, world: World) -> None:
    said = client.get(f"{PAGE}{row.known_as}/").content.decode()
    assert "issued" in said and row.core_digest in said
    assert not [one for one in (str(world.tenant.pk), world.tenant.name, "FIN", row.key) if one in said]
    assert client.get(PAGE, {"id": row.known_as.upper()}).status_code == 200
    assert client.get(f"{PAGE}{'0' * 32}/").status_code == 404
    for odd in ("x", "<script>", "0" * 31, "\u0660" * 32):
        answer = client.get(PAGE, {"id": odd})
        assert answer.status_code == 422 and "<script>" not in answer.content.decode()


def test_one_that_was_never_issued_is_as_unknown_as_any_other(client: Client) -> None:
    row = intended(finished())
    answer, other = client.get(f"{PAGE}{row.known_as}/"), client.get(f"{PAGE}{'0' * 32}/")
    assert (answer.status_code, other.status_code) == (404, 404)


def test_trust_and_status_are_public(row: Certificate, client: Client) -> None:
    assert client.get(f"{PAGE}trust.json").content == trusted.trust().encode()
    assert client.get(f"{PAGE}status.json").json()["standing"]["newest"] == row.serial


# -- the library ----------------------------------------------------------------------------------------------------
def test_the_library_and_a_certificates_page(row: Certificate, world: World) -> None:
    client = Client()
    for username, sees in (("farah", True), ("meera", True), ("arjun", False)):
        client.force_login(User.objects.get(username=username))
        assert (str(row) in client.get("/certificates/").content.decode()) is sees, username
        answer = client.get(f"/certificates/{row.pk}/")
        assert answer.status_code == (200 if sees else 404), username
    client.force_login(User.objects.get(username="farah"))
    said = client.get(f"/certificates/{row.pk}/").content.decode()
    for words in ("PostgreSQL, Mumbai", "Simulated parts", "Still owed", "Beyond use until", "Issue again", "Revoke"):
        assert words in said, words
    assert client.get("/certificate-keys/").status_code == 200
    done = client.post(f"/certificates/{row.pk}/do/revoke/", {"reason": "Residual data was found."})
    assert done.status_code == 302 and Certificate.objects.get(pk=row.pk).state == "revoked"


def test_files_are_for_who_may_see_it(row: Certificate, api: Any) -> None:
    path = f"/api/v1/certificates/{row.pk}/"
    for kind, start in (("document", b"{"), ("pdf", b"%PDF"), ("evidence", b"PK")):
        answer = api("farah").get(f"{path}{kind}/")
        assert answer.status_code == 200 and answer.content.startswith(start), kind
        assert api("arjun").get(f"{path}{kind}/").status_code == 404
    assert "core" not in api("farah").get(path).json()
    waiting = intended(finished(), key="later")
    assert api("farah").get(f"/api/v1/certificates/{waiting.pk}/pdf/").status_code == 409


def test_it_is_delivered_when_the_tenants_side_takes_it(row: Certificate, api: Any, client: Client) -> None:
    """Whoever else looks changes nothing; the state stays issued, and a delivery is said once."""
    path, page = f"/api/v1/certificates/{row.pk}/", f"/certificates/{row.pk}/"
    client.force_login(User.objects.get(username="farah"))
    for kind in ("pdf", "evidence"):
        api("farah").get(f"{path}{kind}/")
    assert api("farah").get(path).json()["standing"] == "issued"
    assert "not yet taken away" in client.get(page).content.decode()
    assert api("meera").get(f"{path}pdf/").status_code == 200
    told = api("farah").get(path).json()
    assert (told["state"], told["standing"]) == ("issued", "delivered") and told["delivered_at"]
    assert "delivered" in client.get(page).content.decode() and "not yet taken" not in client.get(page).content.decode()
    api("meera").get(f"{path}document/")
    assert api("farah").get(path).json()["delivered_at"] == told["delivered_at"]
    for change in ("delivered_at = NULL", "delivered_at = now() + interval '1 day'"):
        with pytest.raises(IntegrityError, match="stays as it is"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE certificates_certificate SET {change} WHERE id = %s", [row.pk])
    api("farah").post(f"{path}revocation/", {"reason": "Wrong."})
    assert api("farah").get(path).json()["standing"] == "revoked"


def test_it_is_brought_by_portal_and_mail_and_what_fails_says_why(
    world: World, api: Any, client: Client, settings: Any, tmp_path: Any
) -> None:
    """A mail that never arrives changes nothing of what was issued."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path / "mail")
    Person.objects.filter(user__username="farah").update(email="")
    row = issued(intended(finished(), key="brought", tenant_id=world.tenant.pk))
    path = f"/api/v1/certificates/{row.pk}/"

    def said() -> dict[tuple[str, str], tuple[str, str]]:
        told = api("farah").get(path).json()["deliveries"]
        return {(one["username"], one["by"]): (one["state"], one["why"]) for one in told if one["at"] or one["why"]}

    assert {by for _who, by in said()} == {"portal"}, "no mail has gone yet"
    schedule.deliver()
    found = said()
    assert found["meera", "portal"] == found["meera", "mail"] == ("delivered", "")
    assert found["farah", "mail"] == ("failed", "The person has no mail address.")
    client.force_login(User.objects.get(username="farah"))
    page = client.get(f"/certificates/{row.pk}/").content.decode()
    assert "Brought to" in page and "Given up: The person has no mail address." in page
    row.refresh_from_db()
    assert (row.state, row.standing) == ("issued", "issued")
    waiting = intended(finished(), key="later")
    assert api("farah").get(f"/api/v1/certificates/{waiting.pk}/").json()["deliveries"] == []


def test_what_was_never_issued_is_not_delivered(row: Certificate, api: Any) -> None:
    waiting = intended(finished(), key="later")
    assert api("meera").get(f"/api/v1/certificates/{waiting.pk}/pdf/").status_code in (404, 409)
    with pytest.raises(IntegrityError, match="delivered_once_issued"), transaction.atomic():
        Certificate.objects.filter(pk=waiting.pk).update(delivered_at=row.created_at)


def test_verbs_are_strict_and_for_compliance(row: Certificate, api: Any) -> None:
    path = f"/api/v1/certificates/{row.pk}/"
    assert api("meera").post(f"{path}revocation/", {"reason": "x"}).status_code == 403
    assert api("farah").post(f"{path}revocation/", {"reason": "x", "why": "y"}).status_code == 422
    made = api("farah").post(f"{path}reissue/", {"reason": "A new key."})
    assert made.status_code == 202 and made.json()["type"] == "reissue" and made.json()["follows"] == str(row.pk)
    assert api("farah").post(f"{path}reissue/", {"reason": "Twice."}).status_code == 409
    assert api("farah").post(f"{path}revocation/", {"reason": "Wrong."}).json()["state"] == "revoked"
    assert api("farah").post(f"{path}revocation/", {"reason": "Again."}).status_code == 409


def test_a_reissue_replaces_what_it_follows(row: Certificate, api: Any, client: Client) -> None:
    made = api("farah").post(f"/api/v1/certificates/{row.pk}/reissue/", {"reason": "A new key."}).json()
    again = issued(Certificate.objects.get(pk=made["id"]))
    row.refresh_from_db()
    assert (again.state, row.state) == ("issued", "superseded")
    (gone,) = trusted.status_list().standing.withdrawn
    assert (gone.id, gone.state, gone.successor) == (row.known_as, "superseded", again.known_as)
    assert "superseded" in client.get(f"{PAGE}{row.known_as}/").content.decode()


def test_keys_are_rotated_and_revoked_by_administrators(api: Any) -> None:
    path = "/api/v1/certificate-keys/"
    assert api("farah").post(path, {"reason": "x"}).status_code == 403
    first = api("priya").post(path, {"reason": "First."}).json()
    second = api("priya").post(path, {"reason": "Yearly."}).json()
    assert api("priya").post(f"{path}{first['id']}/revocation/", {"reason": "Lost."}).json()["state"] == "revoked"
    assert [one["id"] for one in api("farah").get(path).json()["results"]] == [second["id"], first["id"]]


def test_the_kit_is_told_apart_from_what_this_portal_knows(kit: Kit, client: Client) -> None:
    """A certificate of an issuer with other keys, or none: genuine elsewhere, unknown here."""
    answer = posted(client, kit.pdf)
    assert answer.status_code == 422 and "NotFound" not in answer.content.decode()
