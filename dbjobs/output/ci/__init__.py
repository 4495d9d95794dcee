"""Speaking to CI systems: groups in the log, annotations, values for later steps, a summary.

Pure: what comes back are lines for stderr, texts for files and programs to run. Every text is cleaned and
defused before it is put into a command, and escaped as the system asks.
"""

from collections.abc import Callable, Mapping

from dbjobs.output.ci.azure import Azure
from dbjobs.output.ci.buildkite import Buildkite
from dbjobs.output.ci.format import CiFormat, CiOutput, FileText, Level, Program, Summary
from dbjobs.output.ci.github import GitHub
from dbjobs.output.ci.gitlab import GitLab
from dbjobs.output.ci.teamcity import TeamCity
from dbjobs.output.ci_systems import CiSystem

__all__ = ["FORMATS", "CiFormat", "CiOutput", "FileText", "Level", "Program", "Summary"]


FORMATS: Mapping[CiSystem, Callable[[Mapping[str, str]], CiFormat]] = {
    CiSystem.GITHUB: GitHub,
    CiSystem.AZURE: Azure,
    CiSystem.GITLAB: GitLab,
    CiSystem.BUILDKITE: Buildkite,
    CiSystem.TEAMCITY: TeamCity,
}
