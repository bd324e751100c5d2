"""Logs are structured and hold no secret."""

import json
import logging

import pytest

from arbsite.logs import JsonFormatter, redact

SECRETS = ["hunter2", "s3cr3t-token", "abc.def-ghi"]


@pytest.mark.parametrize(
    "text",
    [
        "connecting to postgresql://arbsite:hunter2@db.example/arbsite",
        "redis://:hunter2@cache.example:6379/0 is away",
        'headers {"Authorization": "Bearer s3cr3t-token"}',
        "KALSHI-ACCESS-SIGNATURE: s3cr3t-token",
        "password=hunter2 user=arbsite",
        "api_key='s3cr3t-token'",
        "Bearer abc.def-ghi",
        "-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_secrets_are_blotted_out(text):
    cleaned = redact(text)
    assert not [secret for secret in SECRETS if secret in cleaned]
    assert "***" in cleaned


def test_what_is_no_secret_stays():
    text = "kalshi KXTEST-1: 3 gaps at 0.52, token_id 12"
    assert "3 gaps at 0.52" in redact(text)


def test_a_line_is_json_with_its_extra_fields_cleaned():
    record = logging.LogRecord("markets", logging.WARNING, __file__, 1, "gap in %s", ("kalshi",), None)
    record.platform = "kalshi"
    record.secret_key = "hunter2"
    record.detail = {"password": "hunter2", "url": "redis://:hunter2@h/0"}
    line = json.loads(JsonFormatter().format(record))
    assert (line["level"], line["message"], line["platform"]) == ("WARNING", "gap in kalshi", "kalshi")
    assert "hunter2" not in json.dumps(line)
