"""`.databrickscfg`, read as the official Python SDK reads it: values as they stand, no inheritance."""

import configparser
from pathlib import Path

from dbjobs.config.profile_file import DEFAULT_SECTION, ProfileFile, read_trusted
from dbjobs.errors import ConfigError

SETTINGS_SECTION = "__settings__"


def read_databrickscfg(path: Path) -> ProfileFile:
    """Its profiles; none where there is no file."""
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
        raise ConfigError(
            f"{path} is not valid: line {_line_of(error)}: {_problem_of(error)}",
            hint="it holds lines such as [PROFILE] and, below, host = https://…",
        ) from None
    sections = {name: dict(parser.items(name)) for name in parser.sections()}
    settings = sections.pop(SETTINGS_SECTION, {})
    if not sections.get(DEFAULT_SECTION):
        sections.pop(DEFAULT_SECTION, None)
    return ProfileFile(path, sections, settings.get("default_profile", "").strip() or None, is_ours=False)


def _line_of(error: configparser.Error) -> int:
    errors = getattr(error, "errors", None)
    return int(errors[0][0]) if errors else int(getattr(error, "lineno", 0))


def _problem_of(error: configparser.Error) -> str:
    if isinstance(error, configparser.DuplicateOptionError):
        return "a setting stands twice in its profile"
    if isinstance(error, configparser.MissingSectionHeaderError):
        return "a setting stands outside of any profile"
    return "this is neither a profile's name nor a setting"
