"""The report of a region is whole, for compliance only, and worthless once a byte is changed."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from compliance import report, schedule
from tests.admin.world import checks, tenant

PATH = "/api/v1/compliance-reports/"
pytestmark = pytest.mark.django_db


@pytest.fixture
def document(api: Any) -> dict[str, Any]:
    mine = tenant("report-finance", "FIN", "meera")
    tenant("report-hr", "HR", "arjun", vector_provider="pinecone")
    tenant("report-eu", "FIN", "meera", region="eu-west-1", geography="EU")
    checks(mine)
    schedule.tick()
    answer = api("farah").get(f"{PATH}ap-south-1/")
    assert answer.status_code == 200, answer.content
    return json.loads(answer.content)


def test_it_holds_tenants_verdicts_exceptions_and_evidence(document: dict[str, Any]) -> None:
    said = document["report"]
    by_name = {one["name"]: one for one in said["tenants"]}
    assert set(by_name) == {"report-finance", "report-hr"}
    assert by_name["report-finance"]["verdicts"] and by_name["report-finance"]["evidence"]["outcome"] == "fail"
    assert len(by_name["report-finance"]["evidence"]["checks"]) == 3
    assert ("report-hr", "PRV-003") in {(one["name"], one["rule"]) for one in said["exceptions"]}
    assert said["not_validated"] == [by_name["report-hr"]["id"]] and not said["not_judged"]
    assert said["rules_in_force"]


def test_a_changed_byte_fails(document: dict[str, Any], api: Any) -> None:
    key = api("oliver").get(PATH).json()["key"]
    assert report.is_genuine(document, key)
    text = json.dumps(document["report"], sort_keys=True)
    places = [match.start() for match in re.finditer(r"[a-z0-9]", text)]
    for place in places[:: max(1, len(places) // 40)]:
        changed = text[:place] + ("x" if text[place] != "x" else "y") + text[place + 1 :]
        try:
            forged = {**document, "report": json.loads(changed)}
        except ValueError:
            continue
        assert not report.is_genuine(forged, key), changed[place - 20 : place + 20]
    raw = bytearray(base64.urlsafe_b64decode(document["signature"]["value"] + "=="))
    raw[0] ^= 1
    forged = {**document, "signature": {"value": base64.urlsafe_b64encode(bytes(raw)).rstrip(b"=").decode()}}
    assert not report.is_genuine(forged, key)
    assert not report.is_genuine({}, key) and not report.is_genuine(document, "not a key")
    other = base64.urlsafe_b64encode(bytes(range(32))).rstrip(b"=").decode()
    assert not report.is_genuine(document, other)


def test_the_documented_check_works(document: dict[str, Any], tmp_path: Path, monkeypatch: Any) -> None:
    guide = Path(__file__).parents[2] / "docs" / "compliance-report.md"
    (code,) = re.findall(r"```python\n(.*?)```", guide.read_text(), re.S)
    kept = tmp_path / "report.json"
    kept.write_text(json.dumps(document))
    monkeypatch.setattr("sys.argv", ["check", str(kept), report.public_key()])
    exec(code, {})
    kept.write_text(json.dumps(document).replace("report-finance", "report-finanze"))
    with pytest.raises(Exception) as refused:
        exec(code, {})
    assert type(refused.value).__name__ == "InvalidSignature"


@pytest.mark.parametrize(
    ("username", "status"),
    [("farah", 200), ("leela", 200), ("thomas", 200), ("oliver", 200), ("priya", 200), ("meera", 403), ("kiran", 403)],
)
def test_who_may_have_it(api: Any, username: str, status: int) -> None:
    assert api(username).get(f"{PATH}ap-south-1/").status_code == status
    assert api(username).get(PATH).status_code == status


def test_what_is_not_a_region(api: Any) -> None:
    for name in ("mars-1", "AP", "..", "a" * 40):
        assert api("farah").get(f"{PATH}{name}/").status_code == 404


def test_the_link_is_on_the_home_of_compliance(api: Any, settings: Any) -> None:
    assert f"{PATH}ap-south-1/" in api("farah").get("/").content.decode()
    assert PATH not in api("meera").get("/").content.decode()
