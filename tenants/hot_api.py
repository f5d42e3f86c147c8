"""The read that enforcement points make: one tenant's snapshot, with an ETag."""

import json
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from portal.access import policy
from portal.access.actor import actor_of
from portal.access.authentication import Bearer

from .queries import snapshot, tenant_by_id


def snapshot_of(request: HttpRequest, tenant_id: UUID) -> HttpResponse:
    """200 with the snapshot, 304 when the ETag is the caller's, 404 when there is no such tenant."""
    if request.method != "GET":
        return JsonResponse({"detail": "GET only"}, status=405, headers={"Allow": "GET"})
    wrapped = Request(request, authenticators=[Bearer()])
    try:
        if not wrapped.user.is_authenticated:
            raise AuthenticationFailed
    except AuthenticationFailed:
        return JsonResponse(
            {"detail": "A service credential is needed."}, status=401, headers={"WWW-Authenticate": "Bearer"}
        )
    if not policy.can(actor_of(wrapped), "snapshot.view"):
        return JsonResponse({"detail": "This credential may not read snapshots."}, status=403)
    tenant = tenant_by_id(tenant_id)
    if tenant is None or not policy.can(actor_of(wrapped), "snapshot.view", tenant):
        return JsonResponse({"detail": "There is no such tenant."}, status=404)
    body = snapshot(tenant)
    etag = f'"{body["config_version"]}-{body["status_version"]}"'
    if request.headers.get("If-None-Match") == etag:
        return HttpResponse(status=304, headers={"ETag": etag})
    return HttpResponse(json.dumps(body), content_type="application/json", headers={"ETag": etag})
