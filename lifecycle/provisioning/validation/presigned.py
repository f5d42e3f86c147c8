"""Presigned URLs as of any moment, so that an expired one need not be waited for."""

from datetime import UTC, datetime, timedelta

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from lifecycle.provisioning.validation.target import Binding


class _SignedAt(S3SigV4QueryAuth):  # type: ignore[misc]
    """The SDK's own signature, with the moment of signing given instead of taken from the clock."""

    def __init__(self, credentials: Credentials, region: str, seconds: int, at: datetime) -> None:
        super().__init__(credentials, "s3", region, expires=seconds)
        self._at = at

    def add_auth(self, request: AWSRequest) -> None:
        request.context["timestamp"] = self._at.strftime("%Y%m%dT%H%M%SZ")
        self._modify_request_before_signing(request)
        to_sign = self.string_to_sign(request, self.canonical_request(request))
        self._inject_signature_to_request(request, self.signature(to_sign, request))


def get_url(binding: Binding, region: str, address: str, *, seconds: int, ago: timedelta = timedelta()) -> str:
    """Return `address` presigned for GET by the tenant, valid for `seconds` counted from `ago` before now."""
    credentials = Credentials(binding.aws_access_key_id, binding.aws_secret_access_key)
    request = AWSRequest("GET", address)
    _SignedAt(credentials, region, seconds, datetime.now(UTC) - ago).add_auth(request)
    return str(request.url)
