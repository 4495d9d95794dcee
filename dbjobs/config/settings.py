"""All settings: their environment variables, which are secret, and where values come from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from dbjobs.config.references import Reference

API_VERSIONS = ("2.0", "2.1", "2.2")


class Definition(NamedTuple):
    """The properties of a setting."""

    variable: str | None = None
    """the environment variable with its value"""
    family: str | None = None
    """the group of auth methods that it belongs to; settings of two groups in one source are an error"""
    is_secret: bool = False
    is_path: bool = False
    """the path of a file, relative to the folder of the configuration file"""


SETTINGS = {
    "host": Definition("DATABRICKS_HOST"),
    "workspace_id": Definition("DATABRICKS_WORKSPACE_ID"),
    "account_id": Definition("DATABRICKS_ACCOUNT_ID"),
    "auth_type": Definition("DATABRICKS_AUTH_TYPE"),
    "token": Definition("DATABRICKS_TOKEN", "pat", is_secret=True),
    "username": Definition("DATABRICKS_USERNAME", "basic"),
    "password": Definition("DATABRICKS_PASSWORD", "basic", is_secret=True),
    "client_id": Definition("DATABRICKS_CLIENT_ID", "oauth"),
    "client_secret": Definition("DATABRICKS_CLIENT_SECRET", "oauth", is_secret=True),
    "scopes": Definition(),
    "discovery_url": Definition("DATABRICKS_DISCOVERY_URL"),
    "oidc_token_env": Definition("DATABRICKS_OIDC_TOKEN_ENV", "env-oidc"),
    "oidc_token_filepath": Definition("DATABRICKS_OIDC_TOKEN_FILEPATH", "file-oidc"),
    "token_audience": Definition("DATABRICKS_TOKEN_AUDIENCE"),
    "metadata_service_url": Definition("DATABRICKS_METADATA_SERVICE_URL", "metadata-service", is_secret=True),
    "azure_tenant_id": Definition("ARM_TENANT_ID", "azure"),
    "azure_client_id": Definition("ARM_CLIENT_ID", "azure"),
    "azure_client_secret": Definition("ARM_CLIENT_SECRET", "azure", is_secret=True),
    "azure_use_msi": Definition("ARM_USE_MSI", "azure"),
    "azure_workspace_resource_id": Definition("DATABRICKS_AZURE_RESOURCE_ID", "azure"),
    "azure_environment": Definition("ARM_ENVIRONMENT"),
    "azure_authority_host": Definition("AZURE_AUTHORITY_HOST"),
    "databricks_cli_path": Definition("DATABRICKS_CLI_PATH"),
    "api_version": Definition(),
    "ca_bundle": Definition(is_path=True),
    "client_cert": Definition(is_path=True),
    "client_key": Definition(is_path=True),
    "allow_http": Definition(),
}
"""Every setting of a profile."""

VARIABLE_ALIASES = {"oidc_token_filepath": "DATABRICKS_OIDC_TOKEN_FILE"}
"""Older names of variables, which the official SDKs also read."""

FAMILIES = {key: known.family for key, known in SETTINGS.items() if known.family}
SECRETS = tuple(key for key, known in SETTINGS.items() if known.is_secret)
PATH_KEYS = tuple(key for key, known in SETTINGS.items() if known.is_path)
HIDDEN = "<hidden>"


@dataclass(frozen=True)
class Setting:
    """A value and its source. `repr` does not show the value, which may be a secret."""

    value: str = field(repr=False)
    """the text itself, or a reference as written"""
    source: str
    reference: Reference | None = None

    def read(self) -> str:
        """The text, or that of the reference; a ConfigError says why it cannot be read."""
        return self.reference.read() if self.reference else self.value.strip()


@dataclass(frozen=True)
class Source:
    """A source of settings, such as the environment or a profile."""

    name: str
    settings: Mapping[str, Setting]
    profile: str | None = None
    is_official: bool = False
    """True for a profile in `.databrickscfg`, which the official tools find by the same name"""

    def get(self, key: str) -> Setting | None:
        return self.settings.get(key)

    @property
    def allows_http(self) -> bool:
        return is_true(self.get("allow_http"))

    @property
    def families(self) -> list[str]:
        """The groups of auth methods that its settings belong to."""
        return sorted({FAMILIES[key] for key in self.settings if key in FAMILIES})

    @property
    def has_credentials(self) -> bool:
        """True if it has settings of an auth method, complete or not."""
        return "auth_type" in self.settings or bool(self.families)


def is_true(setting: Setting | None) -> bool:
    """True for a setting that is on."""
    return setting is not None and setting.value.strip().lower() in ("true", "1", "yes", "on")


@dataclass(frozen=True)
class Options:
    """The options of the command line that select the configuration."""

    profile: str | None = None
    config: Path | None = None
    host: str | None = None
    api_version: str | None = None
