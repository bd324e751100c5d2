"""JSON without floats: decimals are read and written digit for digit.

`json` would turn 0.1 into a binary float and Django REST framework would print a Decimal as a string; a price is a JSON
number here, with exactly the digits the database holds.
"""

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import IO, Any, NoReturn

import msgspec
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

MAX_BODY_BYTES = 256_000
MAX_DIGITS = 64  # of one number; the widest column has 30


class TooLarge(APIException):
    """The body is longer than anything this API expects."""

    status_code = 413
    default_detail = f"The body is larger than {MAX_BODY_BYTES} bytes."
    default_code = "too_large"


def _number(text: str) -> Decimal:
    if len(text) > MAX_DIGITS:
        raise ValueError("a number has too many digits")
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text} is out of range") from None


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError("a number has too many digits")
    return int(text)


def _constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):  # two prices under one name: nobody can tell which was meant
        raise ValueError("a name appears twice in one object")
    return found


def decode(raw: bytes) -> Any:
    """JSON text as values: numbers with a point as Decimal. Raises ValueError, saying what is wrong."""
    try:
        return json.loads(
            raw.decode("utf-8"),
            parse_float=_number,
            parse_int=_integer,
            parse_constant=_constant,
            object_pairs_hook=_object,
        )
    except RecursionError:
        raise ValueError("the value is nested too deeply") from None


def _fallback(value: Any) -> Any:
    """Mappings, lazy texts and whatever else prints itself."""
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)


_encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=_fallback)


def encode(value: Any) -> bytes:
    """Values as JSON text: Decimal as a number with all its digits, times as ISO 8601 in UTC."""
    return _encoder.encode(value)


class ExactJSONRenderer(BaseRenderer):
    """Writes answers with `encode`."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """The body of an answer; empty where there is none."""
        return b"" if data is None else encode(data)


class ExactJSONParser(BaseParser):
    """Reads bodies of at most 256 kB with `decode`."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The body as values; raises TooLarge or ParseError."""
        raw = stream.read(MAX_BODY_BYTES + 1)
        if len(raw) > MAX_BODY_BYTES:
            raise TooLarge
        try:
            return decode(raw)
        except ValueError as error:  # a UnicodeDecodeError is one too
            raise ParseError(f"Malformed JSON: {error}.") from None
