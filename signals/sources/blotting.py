"""Our keys taken out of texts that a source sent: an error page may repeat the address it was asked by, key and all."""

from urllib.parse import quote

from django.conf import settings
from pydantic import SecretStr

from arbsite.logs import redact

SHORTEST = 4  # characters; what is shorter is no key, and would blot out words
SECTIONS = ("whales", "whale_alert", "etherscan", "cryptopanic", "newsapi", "fred")


def blot(text: str) -> str:
    """The text without any key of the sources' settings, and without what looks like one in an address."""
    for key in sorted(_keys(), key=len, reverse=True):
        text = text.replace(key, "***")
    return redact(text)


def _keys() -> set[str]:
    sections = [getattr(settings.ARBSITE, name) for name in SECTIONS]
    held = [
        value.get_secret_value()
        for section in sections
        for value in vars(section).values()
        if isinstance(value, SecretStr)
    ]
    single = {part.strip() for text in held for part in (text, *text.split(","))}
    return {form for key in single for form in (key, quote(key, safe="")) if len(key) >= SHORTEST}
