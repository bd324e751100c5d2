"""Kalshi's refusals, in whichever of their shapes they come."""

import msgspec

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def error_of(raw: bytes) -> tuple[str, str]:
    """Code and words of a refusal: nested, flat, `{"msg": …}`, a bare string, or a gateway's own page."""
    try:
        document = msgspec.json.decode(raw)
    except UNREADABLE:
        return "", raw[:200].decode(errors="replace").strip()
    inner = document.get("error", document) if isinstance(document, dict) else document
    if not isinstance(inner, dict):
        return "", str(inner)[:200]
    code = str(inner.get("code") or "")[:80]
    parts = (inner.get("message") or inner.get("msg"), inner.get("details"))
    return code, "; ".join(str(part) for part in parts if part)[:200]
