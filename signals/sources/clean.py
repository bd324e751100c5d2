"""Text from outside, made harmless: plain, one line, bounded. It is still escaped wherever it is shown."""

import html
import re
import unicodedata

_TAGS = re.compile(r"<[^<>]{0,2000}>")
_SCRIPTS = re.compile(r"<(script|style)\b.*?(</\1\s*>|$)", re.IGNORECASE | re.DOTALL)
_BEFORE_COMMA = re.compile(r" +([,.;:?!])(?=\s|$)")
READ = 20_000  # characters that are looked at, at most


def plain(text: object, *, longest: int) -> str:
    """Text without markup, control or direction characters, in one line of at most `longest` characters.

    Anything but text is empty. Entities are resolved once, tags taken away before and after: `&lt;b&gt;` leaves no tag.
    """
    if not isinstance(text, str):
        return ""
    text = _TAGS.sub(" ", _SCRIPTS.sub(" ", text[:READ]))
    text = _TAGS.sub(" ", _SCRIPTS.sub(" ", html.unescape(text)))
    # Control, format (zero width, right-to-left overrides), surrogates, private use
    text = "".join(" " if unicodedata.category(sign)[0] == "C" else sign for sign in text)
    text = _BEFORE_COMMA.sub(r"\1", " ".join(unicodedata.normalize("NFC", text).split()))
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"
