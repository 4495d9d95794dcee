"""All settings: their environment variables, which are secret, and where values come from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from dbjobs.config.references import Reference

API_VERSIONS = ("2.0", "2.1", "2.2")


class Known(NamedTuple):
    """What is known of a setting."""

    variable: str | None = None
    """the environment variable that holds it"""
    family: str | None = None
    """the auth methods that it belongs to; settings of two families in one source are an error"""
    is_secret: bool = False
    is_path: bool = False
    """a file, relative to the folder of the one that names it"""


SETTINGS = {
    "host": Known("DATABRICKS_HOST"),
    "workspace_id": Known("DATABRICKS_WORKSPACE_ID"),
    "account_id": Known("DATABRICKS_ACCOUNT_ID"),
    "auth_type": Known("DATABRICKS_AUTH_TYPE"),
    "token": Known("DATABRICKS_TOKEN", "pat", is_secret=True),
    "username": Known("DATABRICKS_USERNAME", "basic"),
    "password": Known("DATABRICKS_PASSWORD", "basic", is_secret=True),
    "client_id": Known("DATABRICKS_CLIENT_ID", "oauth"),
    "client_secret": Known("DATABRICKS_CLIENT_SECRET", "oauth", is_secret=True),
    "scopes": Known(),
    "discovery_url": Known("DATABRICKS_DISCOVERY_URL"),
    "oidc_token_env": Known("DATABRICKS_OIDC_TOKEN_ENV", "env-oidc"),
    "oidc_token_filepath": Known("DATABRICKS_OIDC_TOKEN_FILEPATH", "file-oidc"),
    "token_audience": Known("DATABRICKS_TOKEN_AUDIENCE"),
    "metadata_service_url": Known("DATABRICKS_METADATA_SERVICE_URL", "metadata-service", is_secret=True),
    "azure_tenant_id": Known("ARM_TENANT_ID", "azure"),
    "azure_client_id": Known("ARM_CLIENT_ID", "azure"),
    "azure_client_secret": Known("ARM_CLIENT_SECRET", "azure", is_secret=True),
    "azure_use_msi": Known("ARM_USE_MSI", "azure"),
    "azure_workspace_resource_id": Known("DATABRICKS_AZURE_RESOURCE_ID", "azure"),
    "azure_environment": Known("ARM_ENVIRONMENT"),
    "azure_authority_host": Known("AZURE_AUTHORITY_HOST"),
    "databricks_cli_path": Known("DATABRICKS_CLI_PATH"),
    "api_version": Known(),
    "ca_bundle": Known(is_path=True),
    "client_cert": Known(is_path=True),
    "client_key": Known(is_path=True),
    "allow_http": Known(),
}
"""Every setting of a profile."""

VARIABLE_ALIASES = {"oidc_token_filepath": "DATABRICKS_OIDC_TOKEN_FILE"}
"""Older names of variables, which the official SDKs read as well."""

FAMILIES = {key: known.family for key, known in SETTINGS.items() if known.family}
SECRETS = tuple(key for key, known in SETTINGS.items() if known.is_secret)
PATH_KEYS = tuple(key for key, known in SETTINGS.items() if known.is_path)
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

    @property
    def families(self) -> list[str]:
        """The families of auth methods that its settings belong to."""
        return sorted({FAMILIES[key] for key in self.settings if key in FAMILIES})

    @property
    def has_credentials(self) -> bool:
        """True if it says how to sign in, be it well or badly."""
        return "auth_type" in self.settings or bool(self.families)


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
