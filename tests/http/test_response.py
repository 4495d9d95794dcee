"""What the server's answers mean: status, headers and body in, payload or error out."""

import json
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from dbjobs.errors import (
    DbjobsError,
    NotFoundError,
    NotTheApiError,
    RefusedError,
    SignInError,
    UnreachableError,
)
from dbjobs.http.response import PAGE_HINT, RawResponse, read_response
from tests.support.payloads import BEYOND_FLOAT

LOGIN_PAGE = b"<!doctype html><html><head><title>Sign in</title></head></html>"
SIGN_IN_HINT = "the token may have expired, or belong to another workspace"
UNKNOWN_TOKEN = "the workspace does not know the token: Invalid access token."
UNKNOWN_TOKEN_HINT = "it may be that of another workspace, or it was revoked"
EXPIRED_HINT = "create a new one in the workspace, under Settings, Developer, or sign in again"
PERMISSION_HINT = "`dbjobs profiles check` says who you are there; the owner can give you the permission"
NETWORK_HINT = "the workspace accepts certain networks only: connect through one, such as your company's"
NO_CREDENTIALS = "the workspace did not accept the credentials: "
UNUSABLE = "the server's answer cannot be used: "
NOT_READY = "the server is not ready: "
A_PAGE = "the host answered with a web page instead of the Jobs API"


def raw(status: int, body: Any = b"", reason: str = "Reason", **headers: str) -> RawResponse:
    names = CaseInsensitiveDict({name.replace("_", "-"): value for name, value in headers.items()})
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return RawResponse(status, reason, names, content)


def error_of(answer: RawResponse) -> DbjobsError:
    with pytest.raises(DbjobsError) as caught:
        read_response(answer)
    return caught.value


def api_error(error_code: str, message: str = "No.") -> dict[str, str]:
    return {"error_code": error_code, "message": message}


@pytest.mark.parametrize(
    ("answer", "kind", "exit_code", "message", "hint"),
    [
        # 3: it is about signing in, or something else than the API answered
        pytest.param(raw(401, api_error("UNAUTHENTICATED")), SignInError, 3, NO_CREDENTIALS + "No.",
                     SIGN_IN_HINT, id="401"),
        pytest.param(raw(401), SignInError, 3, NO_CREDENTIALS + "Reason", SIGN_IN_HINT, id="401, empty"),
        pytest.param(raw(401, LOGIN_PAGE), SignInError, 3, NO_CREDENTIALS + "Reason", SIGN_IN_HINT,
                     id="401, a page"),
        pytest.param(raw(403, {"error_code": 403, "message": "Invalid access token."}), SignInError, 3,
                     UNKNOWN_TOKEN, UNKNOWN_TOKEN_HINT, id="403, a token of another workspace"),
        pytest.param(raw(403, LOGIN_PAGE, X_Databricks_Reason_Phrase="Invalid access token."), SignInError, 3,
                     UNKNOWN_TOKEN, UNKNOWN_TOKEN_HINT, id="403, the same as a page"),
        pytest.param(raw(403, {"error_code": 403, "message": "JWT has expired"}), SignInError, 3,
                     "the token has expired: JWT has expired", EXPIRED_HINT, id="403, an expired token"),
        pytest.param(raw(401, b"Token is expiring within 30 seconds. (token expired)"), SignInError, 3,
                     "the token has expired: Token is expiring within 30 seconds. (token expired)",
                     EXPIRED_HINT, id="401, a token that is about to expire"),
        pytest.param(raw(400, b"io.jsonwebtoken.IncorrectClaimException: Expected aud claim"), SignInError, 3,
                     NO_CREDENTIALS + "io.jsonwebtoken.IncorrectClaimException: Expected aud claim",
                     SIGN_IN_HINT, id="400, a token for another service"),
        pytest.param(raw(400, api_error("INVALID_TOKEN")), SignInError, 3, NO_CREDENTIALS + "No.",
                     SIGN_IN_HINT, id="error_code beats the status"),
        pytest.param(raw(200, LOGIN_PAGE, content_type="text/html"), NotTheApiError, 3, A_PAGE, PAGE_HINT,
                     id="200, a login page"),
        pytest.param(raw(200, b"\n" + LOGIN_PAGE), NotTheApiError, 3, A_PAGE, PAGE_HINT,
                     id="200, a page of no declared type"),
        pytest.param(raw(403, LOGIN_PAGE), NotTheApiError, 3, A_PAGE, PAGE_HINT, id="403, a proxy's page"),
        pytest.param(raw(404, LOGIN_PAGE), NotTheApiError, 3, A_PAGE, PAGE_HINT, id="404, a page"),
        pytest.param(raw(302, location="https://login.example/oauth?state=hush"), NotTheApiError, 3,
                     "the host answered with a redirect to https://login.example/oauth", PAGE_HINT,
                     id="302"),
        pytest.param(raw(307), NotTheApiError, 3, "the host answered with a redirect to another place",
                     PAGE_HINT, id="307 to nowhere"),
        # 4: not there
        pytest.param(raw(404, api_error("RESOURCE_DOES_NOT_EXIST", "Node 5 is gone.")), NotFoundError, 4,
                     "Node 5 is gone.", None, id="404"),
        pytest.param(raw(404), NotFoundError, 4, "Reason", None, id="404, empty"),
        pytest.param(raw(400, api_error("RESOURCE_DOES_NOT_EXIST")), NotFoundError, 4, "No.", None,
                     id="400 that means 404"),
        pytest.param(raw(400, api_error("INVALID_PARAMETER_VALUE", "Job 5 does not exist.")), NotFoundError,
                     4, "Job 5 does not exist.", None, id="400, no such job"),
        pytest.param(raw(400, api_error("INVALID_PARAMETER_VALUE", "Run 5 does not exist.")), NotFoundError,
                     4, "Run 5 does not exist.", None, id="400, no such run"),
        # 5: refused
        pytest.param(raw(400, api_error("INVALID_PARAMETER_VALUE", "Task a needs b, which does not exist.")),
                     RefusedError, 5, "Task a needs b, which does not exist.", None,
                     id="400, a job that cannot be"),
        pytest.param(raw(400, api_error("INVALID_PARAMETER_VALUE", "Job cluster x does not exist.")),
                     RefusedError, 5, "Job cluster x does not exist.", None, id="400, no such cluster"),
        pytest.param(raw(403, api_error("PERMISSION_DENIED", "No right to use a token.")), RefusedError, 5,
                     "No right to use a token.", PERMISSION_HINT, id="403, a missing permission"),
        pytest.param(raw(403, {"error_code": 403, "message": "Source IP address: 1.2.3.4 is blocked by "
                     "Databricks IP ACL for workspace: 7"}), RefusedError, 5, "Source IP address: 1.2.3.4 is "
                     "blocked by Databricks IP ACL for workspace: 7", NETWORK_HINT, id="403, a network"),
        pytest.param(raw(404, api_error("ENDPOINT_NOT_FOUND", "No API found")), RefusedError, 5,
                     "No API found", "an older workspace may need --api-version 2.1", id="no 2.2"),
        pytest.param(raw(413, api_error("MAX_REQUEST_SIZE_EXCEEDED")), RefusedError, 5, "No.", None,
                     id="413"),
        pytest.param(raw(400, {"error": "invalid_request", "error_description": "No."}), RefusedError, 5,
                     "No.", None, id="an OAuth error"),
        pytest.param(raw(400, {"error": "Bad things"}), RefusedError, 5, "Bad things", None,
                     id="only error"),
        pytest.param(raw(400, {"error": {"code": 7, "message": "No."}}), RefusedError, 5, "No.", None,
                     id="a nested error"),
        pytest.param(raw(400, b"plainly no\n"), RefusedError, 5, "plainly no", None, id="plain text"),
        pytest.param(raw(400, ["no"]), RefusedError, 5, "Reason", None, id="a list"),
        pytest.param(raw(400, reason=""), RefusedError, 5, "no reason given", None, id="nothing at all"),
        pytest.param(raw(501, api_error("NOT_IMPLEMENTED")), RefusedError, 5, "No.", None, id="501"),
        # 6: may pass
        pytest.param(raw(429, api_error("REQUEST_LIMIT_EXCEEDED")), UnreachableError, 6, NOT_READY + "No.",
                     None, id="429"),
        pytest.param(raw(403, api_error("RESOURCE_EXHAUSTED")), UnreachableError, 6, NOT_READY + "No.",
                     None, id="403 that means 429"),
        pytest.param(raw(500), UnreachableError, 6, NOT_READY + "Reason", None, id="500, empty"),
        pytest.param(raw(502, LOGIN_PAGE, "Bad Gateway"), UnreachableError, 6, NOT_READY + "Bad Gateway",
                     None, id="502, a proxy's page"),
        pytest.param(raw(503, api_error("TEMPORARILY_UNAVAILABLE")), UnreachableError, 6, NOT_READY + "No.",
                     None, id="503"),
        pytest.param(raw(200), UnreachableError, 6, "the server's answer was empty or cut short", None,
                     id="200, empty"),
        pytest.param(raw(200, b'{"run_id": 1'), UnreachableError, 6,
                     "the server's answer was empty or cut short", None, id="200, cut short"),
        pytest.param(raw(200, b"[" * 100_000), UnreachableError, 6,
                     UNUSABLE + "it is nested too deeply", None, id="200, nested"),
        pytest.param(raw(200, b'{"a": ' + b"9" * 5000 + b"}"), UnreachableError, 6,
                     UNUSABLE + "it holds a number of several thousand digits", None, id="200, digits"),
        pytest.param(raw(200, b'{"a": NaN}'), UnreachableError, 6,
                     UNUSABLE + "it holds NaN, which is not JSON", None, id="200, NaN"),
        pytest.param(raw(200, b"OK"), UnreachableError, 6, UNUSABLE + "it is not JSON", None, id="200, text"),
        pytest.param(raw(200, b"[1]"), UnreachableError, 6, UNUSABLE + "it is not an object", None,
                     id="200, an array"),
    ],
)  # fmt: skip
def test_an_answer_becomes_the_error_it_stands_for(
    answer: RawResponse, kind: type[DbjobsError], exit_code: int, message: str, hint: str | None
) -> None:
    error = error_of(answer)

    assert type(error) is kind
    assert error.exit_code == exit_code
    assert error.message == message
    assert error.hint == hint
    assert error.answer is not None
    assert error.answer.status == answer.status


@pytest.mark.parametrize("name", ["X-Request-Id", "x-databricks-request-id"])
def test_an_error_keeps_what_support_will_ask_for(name: str) -> None:
    error = error_of(raw(400, api_error("INVALID_PARAMETER_VALUE"), **{name: "r-1"}))

    assert error.answer is not None
    assert error.answer.request_id == "r-1"
    assert error.answer.error_code == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("7", 7, 7),
        (" 1.5 ", 1.5, 1.5),
        ("0", 0, 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str, least: float, most: float) -> None:
    error = error_of(raw(503, Retry_After=header))

    assert isinstance(error, UnreachableError)
    assert error.retry_after is not None
    assert least <= error.retry_after <= most


def test_retry_after_may_be_a_date_ahead() -> None:
    ahead = format_datetime(datetime.now(timezone.utc) + timedelta(days=1), usegmt=True)
    error = error_of(raw(503, Retry_After=ahead))

    assert isinstance(error, UnreachableError)
    assert error.retry_after is not None
    assert 86_000 <= error.retry_after <= 86_400


ABSURD_DATES = (
    "Wed, 99 Foo 2015 7:28",
    "Wed, 21 Oct 99999 07:28:00 GMT",
    "Wed, 21 Oct 2015 99:99:99 GMT",
)


@pytest.mark.parametrize(
    "header", ["", "soon", "-5", "Wed, 21 Oct 2015 07:28:00", "Wed, 99 Foo 2015 7:28", *ABSURD_DATES]
)
def test_a_retry_after_that_makes_no_sense_counts_for_nothing(header: str) -> None:
    error = error_of(raw(503, Retry_After=header))

    assert isinstance(error, UnreachableError)
    assert error.retry_after is None


def test_ids_beyond_what_a_float_holds_are_exact() -> None:
    body = f'{{"run_id": {BEYOND_FLOAT}, "more": 0.1}}'.encode()

    assert read_response(raw(200, body)) == {"run_id": 9223372036854775807, "more": 0.1}


JSON_BODIES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["error", "error_code", "message", "code", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
).map(lambda value: json.dumps(value).encode())


@given(st.integers(200, 599), JSON_BODIES | st.binary(max_size=20))
def test_whatever_comes_is_a_payload_or_an_error_of_ours(status: int, body: bytes) -> None:
    read = _read(raw(status, body))

    if status < 300 and isinstance(read, dict):
        assert read == json.loads(body)
    else:
        assert isinstance(read, DbjobsError)


def _read(answer: RawResponse) -> dict[str, Any] | DbjobsError:
    try:
        return read_response(answer)
    except DbjobsError as error:
        return error
