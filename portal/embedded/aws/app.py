"""From a request to a service and back: verifies the caller, picks the service, writes its kind of error."""

from __future__ import annotations

import json
import logging
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from . import balancing, cbor, dns, iam, kms, logs, s3, sigv2, sigv4, tagging, xml
from .access import Caller
from .errors import AwsError, access_denied
from .policy import ANONYMOUS
from .web import Request, Response

if TYPE_CHECKING:
    from .account import Account

log = logging.getLogger("aws_double")

JSON_SERVICES = {
    "TrentService": (kms.call, kms.FIELDS),
    "Logs_20140328": (logs.call, logs.FIELDS),
    "ResourceGroupsTaggingAPI_20170126": (tagging.call, tagging.FIELDS),
}
QUERY_NAMESPACES = {
    "iam": "https://iam.amazonaws.com/doc/2010-05-08/",
    "sts": "https://sts.amazonaws.com/doc/2011-06-15/",
    "elasticloadbalancing": "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/",
}
QUERY_CALLS = {"iam": iam.call, "sts": iam.call, "elasticloadbalancing": balancing.call}
SERVICE_TARGETS = {"kms": "TrentService", "logs": "Logs_20140328", "tagging": "ResourceGroupsTaggingAPI_20170126"}
CBOR_PATH = re.compile(r"/service/(\w+)/operation/(\w+)")
# The same refusal has another name in the JSON services and in the Query services.
JSON_CODES = {
    "InvalidAccessKeyId": "UnrecognizedClientException", "SignatureDoesNotMatch": "InvalidSignatureException",
    "AccessDenied": "AccessDeniedException", "RequestTimeTooSkewed": "InvalidSignatureException",
    "AuthorizationHeaderMalformed": "InvalidSignatureException", "MalformedPolicyDocument":
    "MalformedPolicyDocumentException",
}  # fmt: skip
QUERY_CODES = {"InvalidAccessKeyId": "InvalidClientTokenId", "MalformedPolicyDocument": "MalformedPolicyDocument"}


def respond(account: Account, request: Request) -> Response:
    """The answer to one request; whatever goes wrong becomes an answer too."""
    if request.path == "/__health" and request.method in ("GET", "HEAD"):
        account.store.one("SELECT 1")
        return _json({"status": "ok", "region": account.region, "double": "aws"}, request)
    service = _claimed_service(request)
    try:
        response = _dispatch(account, request, service)
    except AwsError as refusal:
        response = _error(request, service, refusal)
    except ConnectionError:
        raise
    except Exception:
        log.exception("request failed: %s %s", request.method, request.raw_path)
        failure = AwsError("InternalError", "We encountered an internal error. Please try again.", 500)
        response = _error(request, service, failure)
    response.headers.setdefault("x-amz-request-id", request.id)
    return response


def _dispatch(account: Account, request: Request, service: str) -> Response:
    caller, signature = _authenticate(account, request)
    if signature is not None and signature.credential.service != service:
        raise AwsError("SignatureDoesNotMatch", "The credential is scoped to another service.", 403)
    if service == "s3":
        return s3.call(account, request, caller, signature)
    if caller.is_anonymous:
        raise AwsError("MissingAuthenticationToken", "Request is missing Authentication Token", 403)
    if service in QUERY_NAMESPACES:
        return _query(account, caller, request, service)
    if service == "route53":
        return dns.call(account, caller, request)
    return _operation(account, caller, request, service)


def _authenticate(account: Account, request: Request) -> tuple[Caller, sigv4.Signature | None]:
    """Anonymous only when nothing claims to be a signature."""

    def secret_of(access_key_id: str) -> str:
        return iam.secret_of(account, access_key_id)

    context = {"aws:SecureTransport": str(account.assume_tls).lower(), "aws:SourceIp": "127.0.0.1"}
    if "x-amz-security-token" in request.headers or "X-Amz-Security-Token" in request.query:
        raise AwsError("InvalidToken", "The provided token is malformed or otherwise invalid.")
    if sigv2.is_presigned(request):
        return iam.caller_of(account, sigv2.verify(request, secret_of), context), None
    if sigv4.credential_of(request) is not None:
        signature = sigv4.verify(request, secret_of, account.region)
        return iam.caller_of(account, signature.credential.access_key_id, context), signature
    if "authorization" in request.headers or "X-Amz-Signature" in request.query:
        raise access_denied("The authorization mechanism you have provided is not supported.")
    return Caller(ANONYMOUS, context=context), None


def _claimed_service(request: Request) -> str:
    """By the credential's scope; an unsigned request is S3's unless its shape says otherwise."""
    try:
        credential = sigv4.credential_of(request)
    except AwsError:
        credential = None
    if credential is not None:
        known = credential.service in {*SERVICE_TARGETS, *QUERY_NAMESPACES, "route53"}
        return credential.service if known else "s3"
    target = request.header("x-amz-target").partition(".")[0]
    return next((name for name, known in SERVICE_TARGETS.items() if known == target), "s3")


def _query(account: Account, caller: Caller, request: Request, service: str) -> Response:
    parameters = dict(parse_qsl(request.body().decode("utf-8", "replace"), keep_blank_values=True))
    action = parameters.get("Action", "")
    result = QUERY_CALLS[service](account, caller, parameters)
    document = {f"{action}Result": result} if result else {}
    document["ResponseMetadata"] = {"RequestId": request.id}
    body = xml.document(f"{action}Response", document, QUERY_NAMESPACES[service], members=True)
    return Response(200, {"Content-Type": "text/xml"}, body)


def _operation(account: Account, caller: Caller, request: Request, service: str) -> Response:
    """JSON by X-Amz-Target, or CBOR by path: the same operations behind both."""
    named = CBOR_PATH.fullmatch(request.path)
    target, action = named.groups() if named else request.header("x-amz-target").partition(".")[::2]
    if SERVICE_TARGETS[service] != target:
        raise AwsError("UnknownOperationException", "The target of this request is not known here.")
    found = cbor.loads(request.body()) if named else _json_object(request.body())
    run, fields = JSON_SERVICES[target]
    result = run(account, caller, action, _typed(found, fields))
    return _cbor(result) if named else _json(result, request)


def _typed(found: Any, fields: dict[type, set[str]]) -> dict[str, Any]:
    """The parameters without nulls; one of another type than its service says is refused, as AWS does."""
    if not isinstance(found, dict):
        raise AwsError("SerializationException", "The body must be an object.")
    parameters = {str(name): value for name, value in found.items() if value is not None}
    for kind, names in fields.items():
        for name in names & parameters.keys():
            if not isinstance(parameters[name], kind) or (kind is int and isinstance(parameters[name], bool)):
                raise AwsError("SerializationException", f"{name} must be of type {kind.__name__}.")
    return parameters


def _json_object(body: bytes) -> Any:
    try:
        return json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise AwsError("SerializationException", "The body is not valid JSON.") from error


def _error(request: Request, service: str, error: AwsError) -> Response:
    if service in SERVICE_TARGETS:
        return _operation_error(request, error)
    if service in QUERY_NAMESPACES or service == "route53":
        return _query_error(request, service, error)
    body = b""
    if request.method != "HEAD":
        fields = {"Code": error.code, "Message": error.message, "Resource": request.path, **error.fields}
        body = xml.document("Error", {**fields, "RequestId": request.id})
    return Response(error.status, {"Content-Type": "application/xml", **error.headers}, body)


def _operation_error(request: Request, error: AwsError) -> Response:
    code = JSON_CODES.get(error.code, error.code)
    status = error.status if error.status >= 500 or error.status == 413 else 400
    body = {"__type": code, "message": error.message}
    response = _cbor(body) if CBOR_PATH.fullmatch(request.path) else _json(body, request)
    response.status = status
    return response


def _query_error(request: Request, service: str, error: AwsError) -> Response:
    code = QUERY_CODES.get(error.code, error.code)
    fault = {"Type": "Receiver" if error.status >= 500 else "Sender", "Code": code, "Message": error.message}
    document = {"Error": fault, "RequestId": request.id}
    body = xml.document("ErrorResponse", document, QUERY_NAMESPACES.get(service, dns.NAMESPACE), members=True)
    return Response(error.status, {"Content-Type": "text/xml"}, body)


def _json(value: Any, request: Request) -> Response:
    headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": request.id}
    return Response(200, headers, json.dumps(value).encode())


def _cbor(value: Any) -> Response:
    headers = {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
    return Response(200, headers, cbor.dumps(value))
