"""What --verbose tells of the parts that know no streams: they log, and this shows it."""

import logging

from dbjobs.output.streams import Streams


class DetailHandler(logging.Handler):
    """Every record is a detail."""

    def __init__(self, streams: Streams) -> None:
        super().__init__()
        self._streams = streams

    def emit(self, record: logging.LogRecord) -> None:
        self._streams.detail(self.format(record))


def show_log(streams: Streams) -> None:
    """From now on the streams get what dbjobs logs; those of an earlier call in the same process do not."""
    logger = logging.getLogger("dbjobs")
    logger.setLevel(logging.DEBUG)
    logger.handlers = [DetailHandler(streams)]
