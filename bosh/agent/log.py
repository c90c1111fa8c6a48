"""Where the agent's own log goes: standard error, and ``bosh/log/current`` for ``bosh logs --agent``."""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

FILE_BYTES = 10 << 20
OLD_FILES = 3


def set_up_logging(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    formatter = logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s")
    handlers: list[logging.Handler] = [
        logging.StreamHandler(),
        RotatingFileHandler(directory / "current", maxBytes=FILE_BYTES, backupCount=OLD_FILES),
    ]
    for handler in handlers:
        handler.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=handlers)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
