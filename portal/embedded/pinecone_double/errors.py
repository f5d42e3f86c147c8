"""One error type; the control plane and the data plane of Pinecone write it differently."""

from __future__ import annotations

GRPC_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 409: 6, 413: 8, 500: 13}
NAMES = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "FORBIDDEN", 404: "NOT_FOUND", 409: "ALREADY_EXISTS",
    413: "RESOURCE_EXHAUSTED", 500: "UNKNOWN",
}  # fmt: skip


class PineconeError(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message

    def control_body(self) -> dict[str, object]:
        return {"error": {"code": NAMES[self.status], "message": self.message}, "status": self.status}

    def data_body(self) -> dict[str, object]:
        return {"code": GRPC_CODES[self.status], "message": self.message, "details": []}


def invalid(message: str) -> PineconeError:
    return PineconeError(400, message)


def not_found(message: str) -> PineconeError:
    return PineconeError(404, message)
