"""Speaking to CI systems: groups in the log, annotations, values for later steps, a summary.

Pure: what comes back are lines for stderr and texts for files. Every text is cleaned and
defused before it is put into a command, and escaped as the system asks.
"""

from collections.abc import Mapping

from dbjobs.output.ci.azure import Azure
from dbjobs.output.ci.format import CiFormat, CiOutput, FileText, Level
from dbjobs.output.ci.github import GitHub
from dbjobs.output.ci.gitlab import GitLab
from dbjobs.output.ci_systems import System, detect_ci_system

__all__ = ["CiFormat", "CiOutput", "FileText", "Level", "choose_ci_format"]


def choose_ci_format(name: str, environ: Mapping[str, str]) -> CiFormat | None:
    """The system that `--ci` names: `auto` goes by the environment, `none` is no system."""
    if name == "none":
        return None
    system = detect_ci_system(environ) if name == "auto" else System(name)
    if system is System.GITHUB:
        return GitHub(environ)
    if system is System.AZURE:
        return Azure(environ)
    return GitLab(environ) if system is System.GITLAB else None
