"""The documents for users, as tests read them."""

from pathlib import Path

REPO = Path(__file__).parents[2]


def rows_of(page: str, heading: str) -> list[list[str]]:
    """The table under a heading, without its head."""
    section = (REPO / page).read_text("utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")]
    return rows[2:]
