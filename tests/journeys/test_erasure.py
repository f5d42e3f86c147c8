"""A tenant and a person erased over HTTP; a stranger checks what they were handed.

Alone, because a table that one of them plants is drift to every other.
"""

import hashlib
import subprocess
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from bailiwick_proof.certificate import Certificate
from bailiwick_proof.trust import Trust
from bailiwick_verify.certificate import verify

from lifecycle.stores.postgres import rows
from portal.access.demo import PASSWORD
from tests.journeys.product import SIGNERS, Product, Request, until

TEXT = "The quarterly accrual for the Pune warehouse is released after the stock count."
OVER = ("failed", "refused", "cancelled", "not_certifiable")
PATH = "/api/v1/erasure-requests/"


def served(product: Product, documents: int = 4) -> Request:
    """An active tenant with documents."""
    request = product.ask(environment="staging")
    request.sign_all()
    request.reach("active")
    with request.connect() as platform:
        for number in range(documents):
            sent = platform.post("/v1/documents", json={"title": f"Accruals {number}", "text": TEXT})
            assert sent.status_code == 201, sent.text
        assert platform.post("/v1/query", json={"q": "quarterly accrual"}).status_code == 200
    return request


def ask(product: Product, request: Request, is_exported: bool = False, **more: Any) -> dict[str, Any]:
    """Compliance asks; two others sign. Of a whole tenant that has no export counsel waives it."""
    body = {"tenant_id": str(request.tenant_id), "identity": "party", "reason": "The contract has ended.", **more}
    made = product.person("farah").post(PATH, body)
    case = product.person("leela").get(f"/api/v1/approvals/{made['case_id']}/")
    for one in case["requirements"]:
        signed = {"digest": case["digest"], "reason": "agreed", "password": PASSWORD}
        answer = product.person(SIGNERS[one["role"]]).call(
            "POST", f"/api/v1/approvals/{case['id']}/signatures/", json=signed
        )
        assert answer.status_code == 201, answer.text
    if more["kind"] == "tenant" and not is_exported:
        waiver = {"reason": "The tenant keeps its own copy."}
        product.person("thomas").post(f"{PATH}{made['id']}/export-waiver/", waiver)
    return dict(made)


def exported(product: Product, request: Request, at: Path) -> dict[str, Any]:
    """Compliance has the tenant exported; its own administrator takes it away, checks it and confirms the receipt."""
    body = {"tenant_id": str(request.tenant_id), "reason": "The contract has ended."}
    made = product.person("farah").post("/api/v1/exports/", body)
    path = f"/api/v1/exports/{made['id']}/"
    until("the export", lambda: product.person("farah").get(path)["state"] == "ready")
    archive = request.champion.call("GET", f"{path}archive/").content
    (at / "export.zip").write_bytes(archive)
    digest = hashlib.sha256(ZipFile(at / "export.zip").read("manifest.json")).hexdigest()
    request.champion.post(f"{path}receipt/", {"digest": digest, "reason": "It is in our hands."})
    until("the copy here gone", lambda: product.person("farah").get(path)["state"] == "deleted")
    return dict(made)


def reach(product: Product, made: dict[str, Any], *states: str) -> dict[str, Any]:
    """Wait for one of the states; fail with what its job says when it ends elsewhere."""

    def look() -> Any:
        found = product.person("farah").get(f"{PATH}{made['id']}/")
        wrong = found["state"] in OVER and found["state"] not in states
        assert not wrong, f"{found['state']}: {found['reasons']}\n{story(product, made)}"
        return found if found["state"] in states else None

    try:
        return dict(until(f"the erasure reaching {states}", look))
    except AssertionError as late:
        raise AssertionError(f"{late}\n{story(product, made)}") from None


def story(product: Product, made: dict[str, Any]) -> str:
    lines = product.sql(
        "SELECT j.kind, j.state, j.wait_reason, s.name, s.state AS step, s.attempts, s.error FROM jobs_job j"
        " JOIN jobs_step s ON s.job_id = j.id WHERE j.subject_id = %s ORDER BY j.created_at, s.seq",
        made["id"],
    )
    return "\n".join(" ".join(str(value) for value in line.values() if value not in ("", None)) for line in lines)


def checked(product: Product, found: dict[str, Any], at: Path) -> Certificate:
    """The certificate as a stranger checks it, in both its forms, with poppler's word on the signature."""
    officer, path = product.person("farah"), f"/api/v1/certificates/{found['certificate_id']}"
    trust = Trust.parse(officer.http.get("/verify/trust.json").content)
    plain, pdf = officer.call("GET", f"{path}/document/").content, officer.call("GET", f"{path}/pdf/").content
    verify(plain, trust)
    verify(pdf, trust)
    (at / "certificate.pdf").write_bytes(pdf)
    said = subprocess.run(["pdfsig", str(at / "certificate.pdf")], capture_output=True, text=True, check=False).stdout
    assert "Signature is Valid" in said, said
    return Certificate.parse(plain)


def side_by_side(product: Product, one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether each began before the other had ended."""
    span = "SELECT min(s.started_at) AS began, max(s.finished_at) AS ended FROM jobs_job j JOIN jobs_step s"
    [first], [second] = (
        product.sql(f"{span} ON s.job_id = j.id WHERE j.kind = 'erasure.run' AND j.subject_id = %s", each["id"])
        for each in (one, other)
    )
    return bool(first["began"] < second["ended"] and second["began"] < first["ended"])


def names_nobody(certificate: Certificate, *names: str) -> None:
    """Only the ledger's entry, which is beside the core, says which row of the registry it was: by its id."""
    core = certificate.core.encode().decode()
    assert [name for name in names if name in core] == []


def content(product: Product, request: Request) -> dict[str, int | None]:
    return rows.count(product.region(), request.tenant_id)


def test_a_whole_tenant(alone: Product, tmp_path: Path) -> None:
    product = alone
    neighbour, request = served(product), served(product)
    before = content(product, neighbour)
    copy = exported(product, request, tmp_path)
    made = ask(product, request, is_exported=True, kind="tenant", legal_basis="contract")
    found = reach(product, made, "completed")

    assert not any(content(product, request).values())
    left = request.residue()
    assert left.residue == () and left.not_checked == (), left
    [row] = product.sql("SELECT status FROM tenants_tenant WHERE id = %s", request.tenant_id)
    assert row["status"] == "deleted"
    assert {name: content(product, neighbour)[name] for name in ("documents", "chunks", "users")} == {
        name: before[name] for name in ("documents", "chunks", "users")
    }

    certificate = checked(product, found, tmp_path)
    erasure = certificate.core.erasure
    by_name = {one.name: one for one in erasure.systems}
    assert certificate.core.type == "final"
    assert by_name["postgres-ap-south-1"].outcome == "erased" and by_name["postgres-ap-south-1"].targeted >= 8
    assert by_name["vectors-ap-south-1"].outcome == by_name["objects-ap-south-1"].outcome == "erased"
    assert by_name["postgres-eu-west-1"].outcome == by_name["exports-ap-south-1"].outcome == "not_held"
    assert any(f"EX-{copy['number']:04d}" in one.recipient for one in erasure.recipients), "who has a copy is named"
    assert all(one.before == one.after for one in erasure.neighbours)
    names_nobody(certificate, request.names.name, TEXT[:20], str(request.tenant_id), request.tenant_id.hex)


def test_a_person(alone: Product, tmp_path: Path) -> None:
    """Two people's documents, questions and sessions go, side by side; a colleague keeps theirs, and the tenant."""
    product = alone
    request = served(product)
    token = request.champion.post(
        f"/api/v1/tenants/{request.tenant_id}/access-tokens/", {"scope": ["read", "write", "admin"]}
    )
    with request.connect() as platform:
        platform.headers["Authorization"] = f"Bearer {token['access_token']}"
        people = [
            platform.post("/v1/users", json={"email": f"{name}@example.org"}).json()
            for name in ("asha", "ravi", "mira")
        ]
        for person in people:
            for number in range(2):
                body = {"title": f"Notes {number}", "text": TEXT, "owner_user_id": person["id"]}
                assert platform.post("/v1/documents", json=body).status_code == 201
            session = platform.post("/v1/sessions", json={"user_id": person["id"]}).json()
            asked = platform.post("/v1/query", json={"q": "accrual"}, headers={"X-Session": session["token"]})
            assert asked.status_code == 200, asked.text
        asked = {"kind": "person", "legal_basis": "gdpr-17"}
        made, beside = (ask(product, request, **asked, email=f"{name}@example.org") for name in ("asha", "mira"))
        found, other = (reach(product, one, "completed") for one in (made, beside))
        left = platform.get("/v1/users").json()["users"]
        assert [one["email"] for one in left] == ["ravi@example.org"]
        owners = [one["owner_user_id"] for one in platform.get("/v1/documents").json()["documents"]]
        assert people[0]["id"] not in owners and owners.count(people[1]["id"]) == 2 and owners.count(None) == 4
        assert platform.post("/v1/query", json={"q": "accrual"}).status_code == 200

    certificate = checked(product, found, tmp_path)
    by_name = {one.name: one for one in certificate.core.erasure.systems}
    assert certificate.core.type == "final" and certificate.core.erasure.scope.kind == "person"
    assert by_name["postgres-ap-south-1"].outcome == by_name["objects-ap-south-1"].outcome == "erased"
    assert by_name["logs-ap-south-1"].outcome == "anonymised"
    names_nobody(certificate, "asha", people[0]["id"], request.names.name, str(request.tenant_id))
    checked(product, other, tmp_path)
    assert side_by_side(product, made, beside), "neither waits for the other"
    everywhere = product.sql("SELECT count(*) AS n FROM erasing_subjectkey WHERE request_id = %s", made["id"])
    assert everywhere == [{"n": 0}], "nothing here leads back to the person"


def test_held_in_the_middle_and_killed(alone: Product, tmp_path: Path) -> None:
    """A hold stops it wherever it is, nothing goes while it stands, and the release alone has it go on: once."""
    product = alone
    request = served(product)
    made = ask(product, request, kind="tenant", legal_basis="contract")
    reach(product, made, "executing", "verifying")
    product.kill_worker_group()
    counsel, officer = product.person("thomas"), product.person("farah")
    body = {"tenant_id": str(request.tenant_id), "kind": "litigation", "matter": "A suit", "reason": "It was filed."}
    hold = counsel.post("/api/v1/holds/", body)
    path = f"/api/v1/holds/{hold['id']}"
    until("the hold everywhere", lambda: counsel.get(f"{path}/")["state"] == "active")
    then = content(product, request)
    reach(product, made, "legal_hold_blocked")
    product.kill_worker_group()
    counsel.post(f"{path}/release/", {"reason": "It was settled."})
    assert content(product, request) == then
    officer.post(f"{path}/release-confirmation/", {"reason": "It was."})
    found = reach(product, made, "completed")
    checked(product, found, tmp_path)
    [row] = product.sql("SELECT count(*) AS n FROM certificates_certificate WHERE tenant_id = %s", request.tenant_id)
    assert row["n"] == 1 and not any(content(product, request).values())


def test_what_is_left_somewhere_is_said_and_looked_for_again(alone: Product, tmp_path: Path) -> None:
    """A table that nobody listed holds a row of the tenant: no certificate, with the reason; gone, there is one."""
    product = alone
    request = served(product)
    stray = f"stray_{request.tenant_id.hex}"
    plant = (
        f"CREATE TABLE public.{stray} (tenant_id uuid, id integer PRIMARY KEY);"
        f" INSERT INTO public.{stray} VALUES ('{request.tenant_id}', 1); GRANT SELECT ON public.{stray} TO bw_verifier"
    )
    with product.planted(plant, f"DROP TABLE public.{stray}"):
        made = ask(product, request, kind="tenant", legal_basis="contract")
        said = " ".join(reach(product, made, "not_certifiable")["reasons"])
        assert "postgres-ap-south-1" in said, said
    product.person("farah").post(f"{PATH}{made['id']}/retry/", {"reason": "The table is gone."})
    certificate = checked(product, reach(product, made, "completed"), tmp_path)
    rows_of = {one.name: one for one in certificate.core.erasure.systems}["postgres-ap-south-1"]
    assert rows_of.outcome == "erased" and rows_of.targeted >= 8


def test_the_rest_of_one_that_was_cancelled_goes_to_the_certificate(alone: Product, tmp_path: Path) -> None:
    """Cancelled once its records had gone and before its resources were taken down: another one ends what it began."""
    product = alone
    request, officer = served(product), product.person("farah")
    stray = f"stray_{request.tenant_id.hex}"
    plant = (
        f"CREATE TABLE public.{stray} (tenant_id uuid, id integer PRIMARY KEY);"
        f" INSERT INTO public.{stray} VALUES ('{request.tenant_id}', 1); GRANT SELECT ON public.{stray} TO bw_verifier"
    )
    with product.planted(plant, f"DROP TABLE public.{stray}"):
        made = ask(product, request, kind="tenant", legal_basis="contract")
        reach(product, made, "not_certifiable")
        officer.post(f"{PATH}{made['id']}/cancellation/", {"reason": "The tenant stays, they said."})
    gone = reach(product, made, "cancelled")["counts"]
    cleared = "SELECT state FROM jobs_job WHERE kind = 'erasure.clear_up' AND subject_id = %s"
    until("it cleared up", lambda: product.sql(cleared, made["id"]) == [{"state": "succeeded"}])
    [row] = product.sql("SELECT status FROM tenants_tenant WHERE id = %s", request.tenant_id)
    assert row["status"] == "erasing" and gone["gone"] == gone["of"] > 0 and not any(content(product, request).values())
    assert request.residue().residue, "its resources are there still"

    again = ask(product, request, kind="tenant", legal_basis="contract")
    found = reach(product, again, "completed")
    left = request.residue()
    assert left.residue == () and left.not_checked == (), left
    [row] = product.sql("SELECT status FROM tenants_tenant WHERE id = %s", request.tenant_id)
    assert row["status"] == "deleted"
    certificate = checked(product, found, tmp_path)
    by_name = {one.name: one for one in certificate.core.erasure.systems}
    assert certificate.core.type == "final"
    assert by_name["postgres-ap-south-1"].outcome == by_name["vectors-ap-south-1"].outcome == "not_held"
    [row] = product.sql("SELECT gone_before FROM erasing_erasurerequest WHERE id = %s", again["id"])
    assert [one["gone"] for one in row["gone_before"]] == [gone["gone"]]
