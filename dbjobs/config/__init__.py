"""Profiles and settings: from options, environment and files to one Profile.

From strongest to weakest:

1. options of the command line (`--host`, `--api-version`)
2. the profile named by `--profile`
3. `DATABRICKS_*` and `ARM_*` variables
4. the profile named by `DATABRICKS_CONFIG_PROFILE`
5. the default profile: of `config.yaml`, else of `.databrickscfg`

Profiles lie in `config.yaml` and in `.databrickscfg`; of two of a name the former counts.
"""

from dbjobs.config.hosts import normalize_host
from dbjobs.config.resolve import Profile, resolve_settings
from dbjobs.config.settings import Options, Setting

__all__ = ["Options", "Profile", "Setting", "normalize_host", "resolve_settings"]
