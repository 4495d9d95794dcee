"""Reading the server's answers: status, headers and body in, payload or error out.

The body of a refusal is usually `{"error_code", "message"}`, but may as well be
`{"error": …}`, plain text, nothing, or the page of a proxy; the error_code says more
than the status. Source: https://docs.databricks.com/api/workspace/introduction
"""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
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
from dbjobs.http.shapes import Fields, MissingFieldError, ShapeError, check_shape

Payload = dict[str, Any]

UNAUTHENTICATED = ("UNAUTHENTICATED", "INVALID_TOKEN", "TOKEN_EXPIRED")
NOT_FOUND = ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND")
TOO_MANY = ("REQUEST_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED")
PAGE_HINT = "check the host: it is the workspace's own URL, not that of the account console or of a proxy"


@dataclass(frozen=True)
class RawAnswer:
    """An answer as it came over the wire. `headers` finds names in any case."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def request_id(self) -> str | None:
        return self.headers.get("x-request-id") or self.headers.get("x-databricks-request-id")

    @property
    def is_empty(self) -> bool:
        """True if the server said that nothing comes, and nothing was cut off."""
        return not self.body and (self.status == 204 or self.headers.get("content-length") == "0")

    @property
    def is_page(self) -> bool:
        return "html" in self.headers.get("content-type", "") or self.body.lstrip()[:1] == b"<"

    @property
    def plain_text(self) -> str:
        """A short body that is neither JSON nor a page is the message itself."""
        return "" if self.is_page else self.body[:500].decode(errors="replace").strip()


def read_answer(raw: RawAnswer, shape: Fields | None = None) -> Payload:
    """The payload of a good answer; else raises the error that the answer stands for.

    `shape` is what a good answer holds. One that holds nothing may as well be empty.
    """
    content, problem = _parse(raw.body)
    if 200 <= raw.status < 300:
        if shape == {} and raw.is_empty:
            return {}
        if not isinstance(content, dict):
            raise _unusable(raw, problem if content is None else "it is not an object")
        _check(raw, content, shape or {})
        return content
    if 300 <= raw.status < 400:
        raise _redirected(raw)
    raise _refusal(raw, content)


def _check(raw: RawAnswer, content: Payload, shape: Fields) -> None:
    try:
        check_shape(content, shape)
    except MissingFieldError as error:
        raise _not_the_api(raw, f"the host's answer is not that of the Jobs API: it lacks {error}") from None
    except ShapeError as error:
        raise _unusable(raw, str(error)) from None


def _parse(body: bytes) -> tuple[Any, str]:
    """The body as JSON, or None and what is wrong with it."""
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
    raise ValueError(f"it holds {name}, which is no JSON")


def _unusable(raw: RawAnswer, problem: str) -> DbjobsError:
    """An answer that is none; one that was cut short may come whole the next time."""
    if raw.is_page:
        return _not_the_api(raw, "the host answered with a web page instead of the Jobs API")
    answer = Answer(raw.status, request_id=raw.request_id)
    if not problem:
        return UnreachableError("the server's answer was empty or cut short", answer=answer)
    message = f"the server's answer cannot be used: {problem}"
    return UnreachableError(message, answer=answer, is_retryable=False)


def _redirected(raw: RawAnswer) -> DbjobsError:
    target = raw.headers.get("location", "another place").partition("?")[0]
    return _not_the_api(raw, f"the host answered with a redirect to {target}")


def _not_the_api(raw: RawAnswer, message: str) -> DbjobsError:
    return NotTheApiError(message, hint=PAGE_HINT, answer=Answer(raw.status, request_id=raw.request_id))


def _refusal(raw: RawAnswer, content: Any) -> DbjobsError:
    """What a 4xx or 5xx stands for."""
    error_code, message = _words_of(content)
    error_code = None if error_code == str(raw.status) else error_code
    answer = Answer(raw.status, error_code, message, raw.request_id)
    reason = raw.headers.get("x-databricks-reason-phrase") or raw.reason
    text = message or (raw.plain_text if content is None else "") or reason or "no reason given"
    if _is_about_credentials(raw.status, error_code, text):
        problem, hint = _sign_in_problem(text)
        return SignInError(f"{problem}: {text}", hint=hint, answer=answer)
    if _is_passing(raw.status, error_code):
        wait = _retry_after(raw.headers.get("retry-after", ""))
        return UnreachableError(f"the server is not ready: {text}", answer=answer, retry_after=wait)
    if error_code is None and raw.is_page:
        return _unusable(raw, "")
    if error_code == "ENDPOINT_NOT_FOUND":
        return RefusedError(text, hint="an older workspace may want --api-version 2.1", answer=answer)
    if error_code in NOT_FOUND or raw.status == 404 or _says_absent(text):
        return NotFoundError(text, answer=answer)
    return RefusedError(text, hint=_refusal_hint(error_code, text), answer=answer)


def _is_about_credentials(status: int, error_code: str | None, text: str) -> bool:
    if status == 401 or error_code in UNAUTHENTICATED or "jsonwebtoken" in text:
        return True
    return status == 403 and error_code != "PERMISSION_DENIED" and bool(re.search(_CREDENTIALS, text))


_CREDENTIALS = r"(?i)token|jwt"
_SIGN_IN_PROBLEMS = (
    (
        r"(?i)expir",
        "the token has expired",
        "make a new one in the workspace, under Settings, Developer, or sign in anew",
    ),
    (
        r"(?i)invalid (access )?token",
        "the workspace does not know the token",
        "it may be that of another workspace, or it was revoked",
    ),
)
"""What workspaces say, and what it means.

As seen in https://github.com/databricks/databricks-sdk-go/issues/873 and …/1061.
"""


def _sign_in_problem(text: str) -> tuple[str, str]:
    """What is wrong with the credentials, and what to do."""
    for pattern, problem, hint in _SIGN_IN_PROBLEMS:
        if re.search(pattern, text):
            return problem, hint
    return (
        "the workspace did not accept the credentials",
        "the token may have expired, or belong to another workspace",
    )


def _refusal_hint(error_code: str | None, text: str) -> str | None:
    if "IP ACL" in text:
        return "the workspace lets in certain networks alone: connect to one of them, such as your company's"
    if error_code == "PERMISSION_DENIED":
        return "`dbjobs profiles check` says who you are there; the owner can give you the permission"
    return None


def _is_passing(status: int, error_code: str | None) -> bool:
    return status in (408, 429) or (status >= 500 and status != 501) or error_code in TOO_MANY


def _says_absent(text: str) -> bool:
    """Several endpoints answer 400 INVALID_PARAMETER_VALUE where one would expect 404."""
    return bool(re.match(r"(Job|Run|Task run) \d+ does not exist", text))


def _words_of(content: Any) -> tuple[str | None, str | None]:
    """error_code and message of an error's body, whichever of its known forms it has."""
    if not isinstance(content, dict):
        return None, None
    error = content.get("error")
    if isinstance(error, dict):
        content = {"error_code": error.get("code"), **error}
    error_code = content.get("error_code") or ("error_description" in content and error)
    message = content.get("message") or content.get("error_description") or (isinstance(error, str) and error)
    return str(error_code) if error_code else None, str(message) if message else None


def _retry_after(text: str) -> float | None:
    """Seconds to stay away, from either form of the header; None if it is absent or makes no sense."""
    if re.fullmatch(r"\d+(\.\d+)?", text.strip()):
        return float(text)
    with suppress(ValueError, TypeError, OverflowError, IndexError):
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(timezone.utc)).total_seconds())
    return None
