"""Kalshi's refusals: three body shapes, and a fourth for rate limits. A client has to read them all.

nested   {"error": {"code", "message", "details"?}}     most
flat     {"code", "message", "details"}                 JSON and type errors
msg      {"msg"}                                        parameter validation
429      {"error": "too many requests"}                 here `error` is a string
"""

from typing import Any


class ApiError(Exception):
    """An answer other than success; `code` is repeated from the body for batches."""

    def __init__(self, status: int, body: dict[str, Any], *, code: str = "", details: str = "") -> None:
        super().__init__(f"{status} {code or body}")
        self.status, self.body, self.code, self.details = status, body, code, details


def refused(status: int, code: str, message: str = "", details: str = "") -> ApiError:
    """The nested shape. The message defaults to the code in words."""
    error = {"code": code, "message": message or code.replace("_", " ")}
    if details:
        error["details"] = details
    return ApiError(status, {"error": error}, code=code, details=details)


def bad_json(details: str) -> ApiError:
    """The flat shape, for a body of the wrong type."""
    body = {"code": "bad_request", "message": "bad request", "details": details}
    return ApiError(400, body, code="bad_request", details=details)


def bad_parameter(name: str, why: str) -> ApiError:
    """The `msg` shape, for a query parameter."""
    return ApiError(400, {"msg": f"Parameter validation failed on {name}: {why}"}, code="invalid_parameters")


def too_many_requests() -> ApiError:
    """A bucket is empty. There is no Retry-After."""
    return ApiError(429, {"error": "too many requests"}, code="too_many_requests")


def not_found(code: str = "not_found") -> ApiError:
    """What does not exist, or for orders: what is no longer open."""
    return refused(404, code)


# The engine's words in Kalshi's: status, code, details.
ENGINE_WORDS = {
    "unknown_market": (404, "market_not_found", ""),
    "market_not_open": (409, "trading_is_paused", ""),
    "market_closed": (400, "market_inactive", "MARKET_INACTIVE"),
    "price_off_grid": (400, "invalid_price", ""),
    "price_range": (400, "invalid_price", ""),
    "size_step": (400, "invalid_parameters", ""),
    "size_too_small": (400, "invalid_parameters", ""),
    "post_only_cross": (400, "invalid_order", "post only cross"),
    "duplicate_order": (409, "order_already_exists", ""),
    "duplicate_client_id": (409, "order_already_exists", ""),
    "already_expired": (400, "invalid_parameters", ""),
    "unknown_order": (404, "not_found", ""),
    "not_open": (404, "not_found", ""),
    "bad_amend": (400, "invalid_order", ""),
}


def from_engine(word: str) -> ApiError:
    """The refusal for a code of `markets.sandbox.orders.Rejected`."""
    status, code, details = ENGINE_WORDS[word]
    return refused(status, code, details=details)
