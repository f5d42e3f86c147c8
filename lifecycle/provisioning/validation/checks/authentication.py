"""The running platform serves an honest token and refuses every other, over HTTP."""

import httpx

from lifecycle.provisioning.validation import hostile, traces, transport
from lifecycle.provisioning.validation.canary import canary_names
from lifecycle.provisioning.validation.findings import CouldNotRun, Findings
from lifecycle.provisioning.validation.platform_api import PlatformApi, told
from lifecycle.provisioning.validation.target import Target

PROBE = "/v1/documents?limit=1"
REFUSALS = (401, 403)


def run(target: Target, found: Findings) -> None:
    transport.url(target, found, "platform", target.region.platform_url)
    transport.url(target, found, "portal", target.issuer)
    stranger = canary_names(target.region.name).tenant_id
    answers: dict[str, int] = {}
    try:
        with PlatformApi(target) as api:
            _honest(api, found, answers, "before")
            for what, headers in _bare(target):
                answers[what] = _refused(found, what, api.call("GET", PROBE, headers=headers))
            for what, token in hostile.tokens(target, stranger):
                answers[what] = _refused(found, what, api.call("GET", PROBE, headers=_bearer(token)))
            answers["another tenant"] = _another_tenant(target, api, found)
            _honest(api, found, answers, "after")
    finally:
        traces.forget_document(target, found)
    found.measured["answers"] = answers
    found.headline = f"{len(answers) - 2} bad credentials refused, the honest token served before and after"


def _honest(api: PlatformApi, found: Findings, answers: dict[str, int], when: str) -> None:
    """Without this a platform that refuses everybody would pass."""
    answer = api.call("GET", PROBE)
    answers[f"honest token, {when}"] = answer.status_code
    if answer.status_code != 200:
        raise CouldNotRun(f"the platform refuses an honest token: {told(answer)}")
    found.held(f"honest token served {when} the attempts")


def _bare(target: Target) -> list[tuple[str, dict[str, str]]]:
    token = target.token(tenant_id=target.tenant_id)
    return [
        ("no token", {}),
        ("empty token", {"Authorization": "Bearer"}),
        ("not a token", {"Authorization": "Bearer bw.validation.probe"}),
        ("token as a password", {"Authorization": f"Basic {token}"}),
        ("unknown API key", {"X-API-Key": f"bwp_{target.tenant_id.hex}_bw-validation-0000000000000000000000"}),
        ("API key beside an honest token", {**_bearer(token), "X-API-Key": "bw-validation"}),
    ]


def _refused(found: Findings, what: str, answer: httpx.Response) -> int:
    if answer.status_code in REFUSALS:
        found.held(f"{what}: {answer.status_code}")
    elif answer.status_code < 400:
        found.wrong(f"{what}: served with {answer.status_code}")
    else:
        found.unseen(f"{what}: neither refused nor served: {told(answer)}")
    return answer.status_code


def _another_tenant(target: Target, api: PlatformApi, found: Findings) -> int:
    """An honestly signed token of another tenant never reaches a document of this one."""
    token = target.token(tenant_id=canary_names(target.region.name).tenant_id)
    with api.document() as document_id:
        path = f"/v1/documents/{document_id}"
        if api.call("GET", path).status_code != 200:
            raise CouldNotRun("the check's own document cannot be read back")
        answer = api.call("GET", path, headers=_bearer(token))
    if answer.status_code == 404:  # served as the other tenant, for whom there is no such document
        found.held("another tenant's token: 404")
        return 404
    return _refused(found, "another tenant's token on this tenant's document", answer)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
