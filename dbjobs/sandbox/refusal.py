"""The errors that the API answers with."""

from __future__ import annotations


class RefusalError(Exception):
    """An error the API answers with: HTTP status, error_code and message."""

    def __init__(self, status: int, error_code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error_code = error_code
        self.message = message

    def as_dict(self) -> dict[str, str]:
        return {"error_code": self.error_code, "message": self.message}


def invalid(message: str) -> RefusalError:
    """The answer to an invalid parameter: 400 INVALID_PARAMETER_VALUE."""
    return RefusalError(400, "INVALID_PARAMETER_VALUE", message)


def malformed(message: str) -> RefusalError:
    """The answer to a body that cannot be read: 400 MALFORMED_REQUEST."""
    return RefusalError(400, "MALFORMED_REQUEST", message)


def no_such(kind: str, number: object) -> RefusalError:
    """Jobs and runs that do not exist are a 400 too, where one would expect a 404."""
    return invalid(f"{kind} {number} does not exist.")


def no_endpoint(method: str, path: str) -> RefusalError:
    return RefusalError(404, "ENDPOINT_NOT_FOUND", f"No API found for '{method} {path}'")


def unauthenticated() -> RefusalError:
    return RefusalError(
        401, "UNAUTHENTICATED", "Credential was not sent or was of an unsupported type for this API."
    )


def too_large(limit: int) -> RefusalError:
    return RefusalError(
        413, "MAX_REQUEST_SIZE_EXCEEDED", f"A request to the Jobs API may have {limit} bytes at most."
    )
