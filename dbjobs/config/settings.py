"""The words of the configuration: which settings there are, where each may stand, which are secret."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dbjobs.config.references import Reference

API_VERSIONS = ("2.0", "2.1", "2.2")

VARIABLES: dict[str, str | None] = {
    "host": "DATABRICKS_HOST",
    "workspace_id": "DATABRICKS_WORKSPACE_ID",
    "auth_type": "DATABRICKS_AUTH_TYPE",
    "token": "DATABRICKS_TOKEN",
    "username": "DATABRICKS_USERNAME",
    "password": "DATABRICKS_PASSWORD",
    "client_id": "DATABRICKS_CLIENT_ID",
    "client_secret": "DATABRICKS_CLIENT_SECRET",
    "oidc_token_env": "DATABRICKS_OIDC_TOKEN_ENV",
    "oidc_token_filepath": "DATABRICKS_OIDC_TOKEN_FILEPATH",
    "token_audience": "DATABRICKS_TOKEN_AUDIENCE",
    "azure_tenant_id": "ARM_TENANT_ID",
    "azure_client_id": "ARM_CLIENT_ID",
    "azure_client_secret": "ARM_CLIENT_SECRET",
    "azure_use_msi": "ARM_USE_MSI",
    "azure_workspace_resource_id": "DATABRICKS_AZURE_RESOURCE_ID",
    "azure_authority_host": "AZURE_AUTHORITY_HOST",
    "databricks_cli_path": "DATABRICKS_CLI_PATH",
    "api_version": None,
    "ca_bundle": None,
    "client_cert": None,
    "client_key": None,
    "allow_http": None,
}
"""Every setting of a profile, and the variable that holds it in the environment, if one does."""

PATH_KEYS = ("ca_bundle", "client_cert", "client_key")
"""Files, relative to the folder of the one that names them."""

SECRETS = ("token", "password", "client_secret", "azure_client_secret")
HIDDEN = "<hidden>"


@dataclass(frozen=True)
class Setting:
    """A value, and where it came from. The value stays out of `repr`: it may be a secret."""

    value: str = field(repr=False)
    """the text itself; of a reference, how it is written"""
    source: str
    reference: Reference | None = None

    def read(self) -> str:
        """The text, fetched from where a reference leads; a ConfigError says why it cannot be had."""
        return self.reference.read() if self.reference else self.value.strip()


@dataclass(frozen=True)
class Source:
    """One place that settings come from, such as the environment or a profile."""

    name: str
    settings: Mapping[str, Setting]
    profile: str | None = None
    is_official: bool = False
    """True for a profile of `.databrickscfg`, which the official tools know by the same name"""

    def get(self, key: str) -> Setting | None:
        return self.settings.get(key)

    @property
    def allows_http(self) -> bool:
        return is_true(self.get("allow_http"))


def is_true(setting: Setting | None) -> bool:
    """A switch that is on."""
    return setting is not None and setting.value.strip().lower() in ("true", "1", "yes", "on")


@dataclass(frozen=True)
class Options:
    """The options of the command line that bear on the configuration."""

    profile: str | None = None
    config: Path | None = None
    host: str | None = None
    api_version: str | None = None
