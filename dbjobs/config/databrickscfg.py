"""`.databrickscfg`, read as the official Python SDK reads it: values as written, no inheritance."""

import configparser
from pathlib import Path

from dbjobs.config.profile_file import DEFAULT_SECTION, ProfileFile, read_trusted
from dbjobs.errors import ConfigError

SETTINGS_SECTION = "__settings__"


def read_databrickscfg(path: Path) -> ProfileFile:
    """The profiles in the file; none if there is no file."""
    text = read_trusted(path)
    if text is None:
        return ProfileFile(path, is_ours=False)
    parser = configparser.ConfigParser(default_section="\0", interpolation=None)
    try:
        parser.read_string(text)
    except configparser.DuplicateSectionError as error:
        raise ConfigError(
            f"{path} has several profiles named {error.section!r}, the second in line {error.lineno}",
            hint="keep one of them, or give it another name",
        ) from None
    except configparser.Error as error:
        errors = getattr(error, "errors", None)
        line = errors[0][0] if errors else getattr(error, "lineno", 0)
        problem = "this is neither a profile's name nor a setting"
        if isinstance(error, configparser.DuplicateOptionError):
            problem = "a setting appears twice in its profile"
        elif isinstance(error, configparser.MissingSectionHeaderError):
            problem = "a setting appears outside of any profile"
        raise ConfigError(
            f"{path} is not valid: line {line}: {problem}",
            hint="it holds lines such as [PROFILE] and, below, host = https://…",
        ) from None
    sections = {name: dict(parser.items(name)) for name in parser.sections()}
    settings = sections.pop(SETTINGS_SECTION, {})
    if not sections.get(DEFAULT_SECTION):
        sections.pop(DEFAULT_SECTION, None)
    return ProfileFile(path, sections, settings.get("default_profile", "").strip() or None, is_ours=False)
