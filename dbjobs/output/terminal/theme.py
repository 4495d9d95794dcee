"""The colors of the states: red, green and yellow, or a palette for people who cannot tell these apart.

Colors are numbers of the 256-color palette, which themes of terminals leave alone, so that their
contrast is known: at least 4.5:1 on a dark or a light background. Where the background is not known,
they are readable on both.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Literal

from rich.theme import Theme


class Background(Enum):
    """What is behind the text."""

    DARK = "dark"
    LIGHT = "light"
    UNKNOWN = "unknown"


COLOR_BLIND = "color-blind"

PALETTES: Mapping[bool, Mapping[Background, Mapping[str, int]]] = {
    False: {
        Background.DARK: {"good": 78, "bad": 203, "warning": 221, "active": 75},
        Background.LIGHT: {"good": 28, "bad": 160, "warning": 94, "active": 26},
        Background.UNKNOWN: {"good": 28, "bad": 196, "warning": 136, "active": 27},
    },
    True: {
        Background.DARK: {"good": 75, "bad": 208, "warning": 212, "active": 80},
        Background.LIGHT: {"good": 26, "bad": 130, "warning": 90, "active": 23},
        Background.UNKNOWN: {"good": 27, "bad": 166, "warning": 170, "active": 30},
    },
}
"""By whether it is for the color-blind, and by background."""


def theme_for(environ: Mapping[str, str], background: Background = Background.UNKNOWN) -> Theme:
    """The styles that DBJOBS_THEME asks for: `color-blind`, `dark`, `light`, or two of these words."""
    words = environ.get("DBJOBS_THEME", "").lower().replace(",", " ").split()
    for known in (Background.DARK, Background.LIGHT):
        if known.value in words:
            background = known
    if background is Background.UNKNOWN:
        # COLORFGBG, which some terminals set, is such as `15;0`: foreground and background
        number = environ.get("COLORFGBG", "").rpartition(";")[2]
        if number.isdecimal():
            background = Background.LIGHT if int(number) in (7, 15) else Background.DARK
    colors = PALETTES[COLOR_BLIND in words][background]
    good, bad, warning, active = (f"color({colors[name]})" for name in ("good", "bad", "warning", "active"))
    return Theme(
        {
            "state.waiting": "dim",
            "state.starting": active,
            "state.running": f"bold {active}",
            "state.good": good,
            "state.mixed": f"bold {warning}",
            "state.failed": f"bold {bad}",
            "state.stopped": bad,
            "state.left_out": "dim",
            "state.unknown": "bold",
            "warning": f"bold {warning}",
            "late": warning,
            "bar": active,
        }
    )


def color_system(environ: Mapping[str, str]) -> Literal["256", "standard"]:
    """How many colors the terminal has, in rich's words."""
    has_many = "256color" in environ.get("TERM", "") or environ.get("COLORTERM")
    return "256" if has_many else "standard"


def background_of_color(red: float, green: float, blue: float) -> Background:
    """From its color, as a terminal reports it; each part from 0 to 1."""
    return Background.LIGHT if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.5 else Background.DARK
