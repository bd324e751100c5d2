"""Structured logs, one JSON line an event, with everything that looks like a secret blotted out."""

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any

# Values behind these names, in a mapping, a URL or a text, never reach a log
_SECRET_NAME = (
    r"(?:password|passwd|secret|token|api[_-]?key|authorization|signature|private[_-]?key|passphrase|"
    r"access[_-]?key)"
)
_VALUE = r"(?:Bearer\s+)?(\"[^\"]*\"|'[^']*'|[^\s,;&}]+)"
_PATTERNS = (
    (re.compile(r"(?i)\b(\w*" + _SECRET_NAME + r"\w*[\"']?\s*[=:]\s*)" + _VALUE), r"\1***"),
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://[^:/?#\s@]*:)[^@/\s]+@"), r"\1***@"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)", re.S), "***"),
    (re.compile(r"(?i)\bbearer\s+[a-z0-9._~+/-]+=*"), "Bearer ***"),
)  # fmt: skip
_STANDARD = set(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {
    "message",
    "asctime",
    "taskName",
    "data",
}
_NAMED = re.compile("(?i)" + _SECRET_NAME)


def redact(text: str) -> str:
    """The text with passwords, tokens, keys and signatures replaced by ***."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def _clean(name: str, value: Any) -> Any:
    if _NAMED.search(name):
        return "***"
    if isinstance(value, dict):
        return {str(key): _clean(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(name, item) for item in value]
    if isinstance(value, bool | int | float | None):
        return value
    return redact(str(value))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message and whatever came in `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a JSON line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": redact(record.getMessage()),
            "process": record.process,
        }
        line |= {key: _clean(key, value) for key, value in vars(record).items() if key not in _STANDARD}
        if record.exc_info:
            line["exception"] = redact(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False, default=str)


class TextFormatter(logging.Formatter):
    """The same for a person at a terminal."""

    default_msec_format = "%s.%03d"

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line of text, redacted."""
        return redact(super().format(record))


def logging_dict(level: str, form: str) -> dict[str, Any]:
    """The logging configuration for Django, Celery and our own loggers."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {"()": JsonFormatter},
            "text": {"()": TextFormatter, "format": "%(asctime)s %(levelname)-7s %(name)s: %(message)s"},
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": form}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "celery.app.trace": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.redirected": {"level": "WARNING"},
            "django.server": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
        },
    }
