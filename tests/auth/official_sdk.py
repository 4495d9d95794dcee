"""What the official `databricks-sdk` makes of files and environments; a program of its own.

It reads `[{"environ": {…}}, …]` on stdin and prints, for each, the host, the way to sign in
and whose credentials they are, or `{"error": …}`. Whoever would be asked over the network is
replaced by an answer.
"""

import json
import os
import sys
from collections.abc import Mapping
from typing import Any
from unittest import mock

from databricks.sdk import config, oauth
from databricks.sdk.config import Config
from databricks.sdk.oauth import HostMetadata, OidcEndpoints, Token

IDENTITY = ("token", "client_id", "azure_client_id", "username")


def resolve(environ: Mapping[str, str]) -> dict[str, Any]:
    """As `Config()` has it in this environment."""
    with mock.patch.dict(os.environ, environ, clear=True):
        try:
            found = Config(retry_timeout_seconds=1)
        except Exception as error:  # it raises what its parsers raise, too
            return {"error": f"{type(error).__name__}: {error}"}
    identities = {"pat": "token", "basic": "username", "azure-client-secret": "azure_client_id"}
    key = identities.get(found.auth_type, "client_id")
    return {"host": found.host, "way": found.auth_type, "identity": getattr(found, key)}


class _Answer:
    """Of GitHub, Azure DevOps and Azure's resource manager alike."""

    ok = True
    status_code = 200

    def json(self) -> dict[str, Any]:
        workspace = {"workspaceUrl": "adb-9.9.azuredatabricks.net"}
        return {"value": "jwt", "oidcToken": "jwt", "properties": workspace}


def _endpoints(url: str) -> OidcEndpoints:
    return OidcEndpoints(authorization_endpoint=url, token_endpoint=url)


def _metadata(host: str, client: object) -> HostMetadata:
    return HostMetadata(f"{host}/oidc")


def main() -> None:
    with (
        mock.patch.object(config, "get_host_metadata", _metadata),
        mock.patch.object(config, "get_endpoints_from_url", _endpoints),
        mock.patch.object(Config, "load_azure_tenant_id"),
        mock.patch.object(oauth, "retrieve_token", return_value=Token("token", "Bearer")),
        mock.patch("databricks.sdk.oidc_token_supplier.requests.get", return_value=_Answer()),
        mock.patch("databricks.sdk.oidc_token_supplier.requests.post", return_value=_Answer()),
    ):
        json.dump([resolve(case["environ"]) for case in json.load(sys.stdin)], sys.stdout)


if __name__ == "__main__":
    main()
