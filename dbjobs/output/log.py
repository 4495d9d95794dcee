"""The log on stderr: INFO is a note, DEBUG is shown by --verbose."""

import logging

from dbjobs.output.streams import Streams


class StreamsHandler(logging.Handler):
    """Shows records by their level; the streams hide secrets and obey --quiet and --verbose."""

    def __init__(self, streams: Streams) -> None:
        super().__init__()
        self._streams = streams

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            self._streams.warn(record.getMessage())
        elif record.levelno >= logging.INFO:
            self._streams.note(record.getMessage())
        else:
            self._streams.detail(record.getMessage())


def show_log(streams: Streams) -> None:
    """From now on these streams get what dbjobs logs, instead of those of an earlier call in this process."""
    logger = logging.getLogger("dbjobs")
    logger.setLevel(logging.DEBUG if streams.verbose else logging.INFO)
    logger.handlers = [StreamsHandler(streams)]
    logger.propagate = False  # no other handler hides secrets
