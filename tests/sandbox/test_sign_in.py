"""The token endpoint, and what tells clients where it is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .client import Client
    from .conftest import Play

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"


def ask(client: Client, auth: tuple[str, str] | None = None, **form: str) -> Any:
    return client.session.post(f"{client.url}/oidc/v1/token", data=form, auth=auth)


def may_come_in(client: Client, token: str) -> bool:
    headers = {"Authorization": f"Bearer {token}"}
    return bool(client.session.get(f"{client.url}/api/2.2/jobs/list", headers=headers).ok)


def test_the_ways_are_described_to_anyone(client: Client) -> None:
    config = client.session.get(f"{client.url}/.well-known/databricks-config").json()
    assert config["oidc_endpoint"] == f"{client.url}/oidc"
    found = client.session.get(f"{config['oidc_endpoint']}/.well-known/oauth-authorization-server").json()
    assert found["token_endpoint"] == f"{client.url}/oidc/v1/token"


@pytest.mark.parametrize(
    ("in_header", "form"),
    [
        (True, {"grant_type": "client_credentials", "scope": "all-apis"}),
        (False, {"grant_type": "client_credentials", "client_id": "me"}),
        (False, {"grant_type": EXCHANGE, "subject_token_type": "urn:ietf:params:oauth:token-type:jwt"}),
    ],
)
def test_a_token_is_given_for_the_sandbox_s_own(
    client: Client, in_header: bool, form: dict[str, str]
) -> None:
    secret = "subject_token" if form["grant_type"] == EXCHANGE else "client_secret"
    auth = ("me", client.token) if in_header else None
    given = form if in_header else form | {secret: client.token}
    answer = ask(client, auth, **given)
    assert answer.status_code == 200
    assert (answer.json()["token_type"], answer.json()["expires_in"]) == ("Bearer", 3600)
    assert answer.json()["access_token"] != client.token
    assert may_come_in(client, answer.json()["access_token"])


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"grant_type": "client_credentials", "client_secret": "wrong"}, 401, "invalid_client"),
        ({"grant_type": "client_credentials"}, 401, "invalid_client"),
        ({"grant_type": EXCHANGE, "subject_token": "wrong"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({}, 400, "unsupported_grant_type"),
    ],
)
def test_others_are_refused_in_the_words_of_oauth(
    client: Client, form: dict[str, str], status: int, error: str
) -> None:
    answer = ask(client, None, **form)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["error_description"]


def test_a_token_lives_as_long_as_the_scenario_says(play: Play) -> None:
    client = play("token_lifetime: 1")
    token = ask(client, ("me", client.token), grant_type="client_credentials").json()["access_token"]
    assert may_come_in(client, token)
    time.sleep(1)
    assert not may_come_in(client, token)
    assert may_come_in(client, client.token)


def test_a_token_that_was_ended_can_be_renewed(play: Play) -> None:
    client = play("requests: [{when: {endpoint: list, nth: 2}, then: {expire_token: true}}]")

    def new_token() -> str:
        answer = ask(client, ("me", client.token), grant_type="client_credentials")
        return str(answer.json()["access_token"])

    token = new_token()
    assert [may_come_in(client, token) for _ in range(3)] == [True, False, False]
    assert may_come_in(client, new_token())


def test_the_token_page_takes_posts_alone(client: Client) -> None:
    assert client.session.get(f"{client.url}/oidc/v1/token").status_code == 401
