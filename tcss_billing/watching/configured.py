"""What the settings say about the log and the figures, from the environment."""

import os
from pathlib import Path
from typing import Any

from environs import Env

from tcss_billing.state import home

FILES = "PROMETHEUS_MULTIPROC_DIR"


def log(env: Env) -> dict[str, Any]:
    """Return Django's LOGGING: lines for people, or with ``LOG_FORMAT=json`` objects
    for machines, one a request among them."""
    wanted = env.str("LOG_FORMAT", default="plain")
    level = env.str("LOG_LEVEL", default="WARNING")
    formatter = {"plain": "Plain", "json": "Json"}[wanted]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"ours": {"()": f"tcss_billing.watching.logs.{formatter}"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "ours"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": {"handlers": [], "level": level, "propagate": True},
            "tcss.requests": {"level": "INFO" if wanted == "json" else level},
        },
    }


def metrics(env: Env) -> bool:
    """Return whether figures are kept, and name the folder in which the processes of
    one web server add theirs up: before the library that reads the name is loaded."""
    wanted = env.bool("METRICS", default=False)
    if wanted:
        folder = os.environ.setdefault(FILES, str(home() / "metrics"))
        Path(folder).mkdir(parents=True, exist_ok=True)
    return wanted


def begin_anew() -> None:
    """Forget what an earlier web server counted, as Prometheus expects of a start."""
    for file in Path(os.environ[FILES]).glob("*.db"):
        file.unlink(missing_ok=True)
