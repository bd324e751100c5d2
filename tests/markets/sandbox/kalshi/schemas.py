"""Kalshi's official OpenAPI and AsyncAPI files as validators; absent files mean skipped tests, with the reason."""

import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from openapi_schema_validator import OAS30Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

ROOT = Path(__file__).resolve().parents[4]
SHARED = Path(os.environ.get("ARBSITE_SHARED", ROOT.parent / "shared"))
# What older answers had and newer specifications dropped, and we still send
KNOWN_EXTRAS = {"resting_orders_count"}


@cache
def document(name: str) -> dict[str, Any]:
    """A specification file, parsed. Skips the test where it is not there."""
    path = SHARED / "venues" / name
    if not path.is_file():
        pytest.skip(f"the platform's specification {name} is not on this machine")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(path.read_text(), Loader=loader)


def rest_schema(method: str, path: str, status: int) -> dict[str, Any] | None:
    """The schema of an answer; None where the specification gives no body. Raises KeyError for what it does not know."""
    paths = document("kalshi-openapi.yaml")["paths"]
    exact = [path] if path in paths else []
    shape = next(iter(exact), None) or next(
        p for p in paths if re.fullmatch(re.sub(r"{\w+}", "[^/]+", p), path)
    )
    answer = paths[shape][method.lower()]["responses"][str(status)]
    return answer.get("content", {}).get("application/json", {}).get("schema")


def check_rest(method: str, path: str, status: int, body: Any) -> None:
    """An answer of the REST API against the OpenAPI file, without keys that the file does not know."""
    schema = rest_schema(method, path, status)
    if schema is not None:
        _check(OAS30Validator, document("kalshi-openapi.yaml"), schema, body)


def check_frame(frame: dict[str, Any]) -> str:
    """A frame against the AsyncAPI file; returns the message's name there."""
    spec = document("kalshi-asyncapi.yaml")
    name = _message(frame)
    schema = {"$ref": f"#/components/schemas/{name}"}
    _check(Draft202012Validator, spec, schema, frame)
    return name


def _message(frame: dict[str, Any]) -> str:
    if frame["type"] == "ok" and isinstance(frame.get("msg"), list):
        return "listSubscriptionsResponsePayload"
    return {
        "ok": "okResponsePayload", "error": "errorResponsePayload", "subscribed": "subscribedResponsePayload",
        "unsubscribed": "unsubscribedResponsePayload", "orderbook_snapshot": "orderbookSnapshotPayload",
        "orderbook_delta": "orderbookDeltaPayload", "ticker": "tickerPayload", "trade": "tradePayload",
        "fill": "fillPayload", "user_order": "userOrderPayload", "market_position": "marketPositionPayload",
        "market_lifecycle_v2": "marketLifecycleV2Payload", "event_lifecycle": "eventLifecyclePayload",
        "order_group_updates": "orderGroupUpdatesPayload",
    }[frame["type"]]  # fmt: skip


def _check(validator: Any, spec: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    registry = Registry().with_resource("urn:spec", DRAFT202012.create_resource(spec))
    errors = list(validator(_absolute(schema), registry=registry).iter_errors(value))
    assert not errors, f"{errors[0].message} at {list(errors[0].absolute_path)}"
    unknown = list(_unknown(spec, schema, value))
    assert not unknown, f"keys that the specification does not know: {unknown}"


def _absolute(schema: Any) -> Any:
    """The same schema with references that lead into the registered document."""
    if isinstance(schema, dict):
        return {
            key: f"urn:spec{inner}" if key == "$ref" else _absolute(inner) for key, inner in schema.items()
        }
    return [_absolute(inner) for inner in schema] if isinstance(schema, list) else schema


def _unknown(spec: dict[str, Any], schema: dict[str, Any], value: Any) -> Any:
    schema = _resolved(spec, schema)
    if isinstance(value, list):
        for one in value:
            yield from _unknown(spec, schema.get("items", {}), one)
    properties = schema.get("properties")
    if isinstance(value, dict) and properties:
        for key, inner in value.items():
            if key in properties:
                yield from _unknown(spec, properties[key], inner)
            elif key not in KNOWN_EXTRAS:
                yield key


def _resolved(spec: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while True:
        if "$ref" in schema:
            found: Any = spec
            for part in schema["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            schema = found
        elif len(schema.get("allOf", ())) == 1:
            schema = schema["allOf"][0]
        else:
            return schema
