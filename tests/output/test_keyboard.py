"""Keys and a terminal's replies, as they arrive in whatever pieces."""

import os

from hypothesis import given
from hypothesis import strategies as st

from dbjobs.output.keyboard import Keyboard
from dbjobs.output.terminal.theme import Background
from dbjobs.output.terminal.window import LAST_REPLY, background_in, has_synchronized_output

REPLIES = ("\x1b[?62;4;22c", "\x1b[?2026;2$y", "\x1b]11;rgb:ffff/eeee/dddd\x1b\\", "\x1b]11;rgb:0/0/0\x07")
KEYS = {"r": "r", "?": "?", "\r": "enter", "\x1b[A": "up", "\x1bOB": "down", "é": "é"}
NO_KEYS = ("\x1b[3~", "\x1b[1;5C", "\x1bOP", "\x1bx")
"""Delete, Ctrl-Right, F1, Alt-x: of no use to a view."""


@given(st.lists(st.sampled_from([*REPLIES, *KEYS, *NO_KEYS]), max_size=8), st.data())
def test_keys_are_told_from_replies_wherever_input_is_split(typed: list[str], data: st.DataObject) -> None:
    text = "".join(typed).encode("latin-1")
    reader, writer = os.pipe()
    keys: list[str] = []
    with os.fdopen(reader, encoding="latin-1") as stream, os.fdopen(writer, "wb", 0) as other_end:
        keyboard = Keyboard(stream)
        while text:
            # after Esc alone nothing may follow at once: that is the key Esc
            sizes = [size for size in range(1, len(text) + 1) if text[size - 1 : size] != b"\x1b"]
            size = data.draw(st.sampled_from(sizes))
            other_end.write(text[:size])
            text = text[size:]
            keys += keyboard.read()
    assert keys == [KEYS[one] for one in typed if one in KEYS]
    assert keyboard.replies == "".join(one for one in typed if one in REPLIES)


def test_escape_is_a_key_of_its_own_that_swallows_no_other() -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader) as stream, os.fdopen(writer, "wb", 0) as other_end:
        keyboard = Keyboard(stream)
        other_end.write(b"\x1b")
        assert keyboard.read() == []
        other_end.write(b"r")
        assert keyboard.read() == ["r"]


def test_keys_that_were_typed_before_the_reply_are_kept() -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader) as stream, os.fdopen(writer, "wb", 0) as other_end:
        keyboard = Keyboard(stream)
        other_end.write(b"r\x1b[?2026;1$y" + b"f\x1b]11;rgb:ffff/ffff/eeee\x07\x1b[?6c")
        assert keyboard.await_reply(LAST_REPLY, seconds=60)
        assert has_synchronized_output(keyboard.replies)
        assert background_in(keyboard.replies) is Background.LIGHT
        assert keyboard.read() == ["r", "f"]


def test_at_the_end_of_the_input_nothing_is_waited_for() -> None:
    reader, writer = os.pipe()
    os.close(writer)
    with os.fdopen(reader) as stream:
        keyboard = Keyboard(stream)
        assert keyboard.read() == []
        assert not keyboard.is_open
        assert not keyboard.wait(600)
        assert not keyboard.await_reply(LAST_REPLY, seconds=600)
