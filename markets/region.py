"""Whether Polymarket takes orders from this place. Asked before live trading, and shown by the doctor."""

import requests
from django.conf import settings


class RegionUnknown(OSError):
    """The platform did not say; the message says what to do."""


def blocked() -> str:
    """Where Polymarket thinks that we are, if it takes no orders from there; empty where it does.

    Raises RegionUnknown: not knowing is never a yes.
    """
    config = settings.ARBSITE.polymarket
    unknown = "Polymarket does not say whether it takes orders from here; check POLYMARKET_GEOBLOCK_URL"
    try:
        response = requests.get(config.geoblock_url, timeout=float(config.timeout_seconds))
        told = response.json() if response.status_code == requests.codes.ok else None
    except (requests.RequestException, ValueError) as error:
        raise RegionUnknown(f"{unknown} ({type(error).__name__}).") from error
    if not isinstance(told, dict) or not isinstance(told.get("blocked"), bool):
        raise RegionUnknown(f"{unknown} (status {response.status_code}).")
    place = "/".join(str(told[name]) for name in ("country", "region") if told.get(name))
    return (place or "here") if told["blocked"] else ""
