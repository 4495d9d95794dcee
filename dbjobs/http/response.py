"""Responses of the server: status, headers and body in, payload or error out.

The body of an error is usually `{"error_code", "message"}`, but may be `{"error": …}`, plain text,
empty, or the page of a proxy; the error_code is more specific than the status. Source: https://docs.databricks.com/api/workspace/introduction
"""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, NoReturn

from dbjobs.errors import (
    Answer,
    DbjobsError,
    NotFoundError,
    NotTheApiError,
    RefusedError,
    SignInError,
    UnreachableError,
)

Payload = dict[str, Any]
"""A JSON object."""

UNAUTHENTICATED = ("UNAUTHENTICATED", "INVALID_TOKEN", "TOKEN_EXPIRED")
NOT_FOUND = ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND")
TOO_MANY = ("REQUEST_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED")
PAGE_HINT = "check the host: it is the workspace's own URL, not that of the account console or of a proxy"


@dataclass(frozen=True)
class RawResponse:
    """A response as the server sent it. `headers` finds names in any case."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def request_id(self) -> str | None:
        return self.headers.get("x-request-id") or self.headers.get("x-databricks-request-id")

    @property
    def is_page(self) -> bool:
        return "html" in self.headers.get("content-type", "") or self.body.lstrip()[:1] == b"<"


def read_response(raw: RawResponse, *, may_be_empty: bool = False) -> Payload:
    """The payload of a successful response; raises the error that any other response means.

    `may_be_empty`: an empty body, if the server announced it, is the payload `{}`.
    """
    content, problem = _parse(raw.body)
    if 200 <= raw.status < 300:
        is_empty = not raw.body and (raw.status == 204 or raw.headers.get("content-length") == "0")
        if may_be_empty and is_empty:
            return {}
        if not isinstance(content, dict):
            raise unusable(raw, problem if content is None else "it is not an object")
        if content.get("error_code"):
            raise unusable(raw, f"it contains an error, {content['error_code']}: {content.get('message')}")
        return content
    if 300 <= raw.status < 400:
        target = raw.headers.get("location", "another place").partition("?")[0]
        raise not_the_api(raw, f"the host answered with a redirect to {target}")
    raise _refusal(raw, content)


def _parse(body: bytes) -> tuple[Any, str]:
    """The body as JSON, or None and the problem with it."""
    try:
        return json.loads(body, parse_constant=_refuse_constant), ""
    except RecursionError:
        return None, "it is nested too deeply"
    except json.JSONDecodeError as error:
        is_cut = error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated string")
        return None, "" if is_cut else "it is not JSON"
    except UnicodeDecodeError:
        return None, "it is not JSON"
    except ValueError as error:
        is_long = "digits" in str(error)
        return None, "it holds a number of several thousand digits" if is_long else str(error)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"it holds {name}, which is not JSON")


def unusable(raw: RawResponse, problem: str) -> DbjobsError:
    """The error for an unusable successful response; one that was cut short may be complete next time."""
    if raw.is_page:
        return not_the_api(raw, "the host answered with a web page instead of the Jobs API")
    answer = Answer(raw.status, request_id=raw.request_id)
    if not problem:
        return UnreachableError("the server's answer was empty or cut short", answer=answer)
    message = f"the server's answer cannot be used: {problem}"
    return UnreachableError(message, answer=answer, is_retryable=False)


def not_the_api(raw: RawResponse, message: str) -> DbjobsError:
    """The error for a response that something other than the Jobs API sent."""
    return NotTheApiError(message, hint=PAGE_HINT, answer=Answer(raw.status, request_id=raw.request_id))


def _refusal(raw: RawResponse, content: Any) -> DbjobsError:
    """The error for a status of 4xx or 5xx."""
    error_code, message = _code_and_message(content)
    error_code = None if error_code == str(raw.status) else error_code
    answer = Answer(raw.status, error_code, message, raw.request_id)
    text = message
    if not text and content is None and not raw.is_page:  # plain text is the message
        text = raw.body[:500].decode(errors="replace").strip()
    text = text or raw.headers.get("x-databricks-reason-phrase") or raw.reason or "no reason given"
    if (
        raw.status == 401
        or error_code in UNAUTHENTICATED
        or "jsonwebtoken" in text
        or (raw.status == 403 and error_code != "PERMISSION_DENIED" and re.search(r"(?i)token|jwt", text))
    ):
        problem, next_step = _sign_in_problem(text)
        return SignInError(f"{problem}: {text}", hint=next_step, answer=answer)
    is_server_error = raw.status >= 500 and raw.status != 501
    if raw.status in (408, 429) or is_server_error or error_code in TOO_MANY:
        wait = _retry_after(raw.headers.get("retry-after", ""))
        return UnreachableError(f"the server is not ready: {text}", answer=answer, retry_after=wait)
    if error_code is None and raw.is_page:
        return unusable(raw, "")
    if error_code == "ENDPOINT_NOT_FOUND":
        return RefusedError(text, hint="an older workspace may need --api-version 2.1", answer=answer)
    # Several endpoints return 400 INVALID_PARAMETER_VALUE instead of 404.
    is_absent = re.match(r"(Job|Run|Task run) \d+ does not exist", text)
    if error_code in NOT_FOUND or raw.status == 404 or is_absent:
        return NotFoundError(text, answer=answer)
    hint: str | None = None
    if "IP ACL" in text:
        hint = "the workspace accepts certain networks only: connect through one, such as your company's"
    elif error_code == "PERMISSION_DENIED":
        hint = "`dbjobs profiles check` says who you are there; the owner can give you the permission"
    return RefusedError(text, hint=hint, answer=answer)


def _sign_in_problem(text: str) -> tuple[str, str]:
    """What is wrong with the credentials, and what to do.

    Messages of workspaces: https://github.com/databricks/databricks-sdk-go/issues/873 and …/1061.
    """
    if re.search(r"(?i)expir", text):
        return (
            "the token has expired",
            "create a new one in the workspace, under Settings, Developer, or sign in again",
        )
    if re.search(r"(?i)invalid (access )?token", text):
        return (
            "the workspace does not know the token",
            "it may be that of another workspace, or it was revoked",
        )
    return (
        "the workspace did not accept the credentials",
        "the token may have expired, or belong to another workspace",
    )


def _code_and_message(content: Any) -> tuple[str | None, str | None]:
    """The error_code and the message of an error, in any of the known forms."""
    if not isinstance(content, dict):
        return None, None
    error = content.get("error")
    if isinstance(error, dict):
        content = {"error_code": error.get("code"), **error}
    error_code = content.get("error_code") or ("error_description" in content and error)
    message = content.get("message") or content.get("error_description") or (isinstance(error, str) and error)
    return str(error_code) if error_code else None, str(message) if message else None


def _retry_after(text: str) -> float | None:
    """Seconds to wait, from either form of the header; None if it is missing or invalid."""
    if re.fullmatch(r"\d+(\.\d+)?", text.strip()):
        return float(text)
    from email.utils import parsedate_to_datetime  # rarely needed, and not quickly loaded

    with suppress(ValueError, TypeError, OverflowError, IndexError):
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(timezone.utc)).total_seconds())
    return None
