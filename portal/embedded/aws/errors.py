"""One error type that every service of the double raises; the server writes it in the service's own format."""

from __future__ import annotations


class AwsError(Exception):
    """An answer AWS would give instead of a result: a stable code, an HTTP status and a sentence."""

    def __init__(self, code: str, message: str, status: int = 400, **fields: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status, self.fields = code, message, status, fields
        self.headers: dict[str, str] = {}


def access_denied(message: str = "Access Denied") -> AwsError:
    return AwsError("AccessDenied", message, 403)


def not_implemented(what: str) -> AwsError:
    return AwsError("NotImplemented", f"The AWS double of this machine does not implement {what}.", 501)
