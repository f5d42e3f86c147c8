"""What every operation of the OpenAPI document may answer besides its success, said once for all of them."""

from typing import Any

from rest_framework import status

PROBLEM = {
    "type": "object",
    "description": "A refusal (RFC 9457). `type` is stable, `detail` says what would make it pass.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "pattern": "^urn:bailiwick:problem:"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "fields": {"type": "object", "description": "What is wrong with each field, by its name."},
    },
}
WORDS = {
    status.HTTP_400_BAD_REQUEST: "Not acceptable as a request: not JSON, a key twice, a NUL",
    status.HTTP_401_UNAUTHORIZED: "Nobody is signed in, or the credential is not valid, or no longer",
    status.HTTP_403_FORBIDDEN: "Not yours to do",
    status.HTTP_404_NOT_FOUND: "There is no such thing, or none that you may see",
    status.HTTP_406_NOT_ACCEPTABLE: "Only JSON is spoken here",
    status.HTTP_409_CONFLICT: "It has moved on, or stands in the way of another",
    status.HTTP_413_REQUEST_ENTITY_TOO_LARGE: "The body is too large",
    status.HTTP_415_UNSUPPORTED_MEDIA_TYPE: "Only application/json is read here",
    status.HTTP_422_UNPROCESSABLE_ENTITY: "Read, and not acceptable as it stands; `fields` says why",
    status.HTTP_423_LOCKED: "Something outside your power forbids it, such as a legal hold; `by` names it",
    status.HTTP_429_TOO_MANY_REQUESTS: "Too many attempts; `Retry-After` says when the next is looked at",
    status.HTTP_503_SERVICE_UNAVAILABLE: "Not possible at the moment",
}
SIGN_IN = "/api/v1/auth/token"
MORE = "x-refusals"  # an operation's own: extend_schema(extensions={MORE: [409]})


def document_refusals(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """A drf-spectacular hook: add the refusals each operation is able to answer, as problem+json."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            for code in _refusals(path, method, operation):
                operation["responses"].setdefault(str(code), _problem(code))
    return result


def _refusals(path: str, method: str, operation: dict[str, Any]) -> set[int]:
    if path == SIGN_IN:
        return {400, 401, 406, 413, 415, 422, 429, 503}
    found = {401, 403, 406, 503, *operation.pop(MORE, ())}
    if operation.get("parameters") or method != "get":
        found |= {404}
    if any(one["in"] == "query" for one in operation.get("parameters", [])):
        found |= {400, 422}
    if method != "get":
        found |= {400, 409, 413, 415, 422, 423}
    return found


def _problem(code: int) -> dict[str, Any]:
    body = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": WORDS[code], "content": body}
