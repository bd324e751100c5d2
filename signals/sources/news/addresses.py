"""One spelling of an address, and the name that two spellings of it share. Plain Python; nothing here is ever asked."""

import re
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit, urlunsplit

LONGEST = 512
DEFAULT_PORTS = {"http": 80, "https": 443}
# Who sent the reader, not what is read
TRACKING = frozenset({
    "fbclid", "gclid", "gclsrc", "dclid", "gbraid", "wbraid", "msclkid", "yclid", "twclid", "ttclid", "igshid", "mc_cid",
    "mc_eid", "ref", "ref_src", "ref_url", "referrer", "cmpid", "cmp", "ncid", "ocid", "smid", "sr_share", "spm", "_ga",
    "_gl", "guccounter", "guce_referrer", "partner", "taid", "tpcc", "xtor", "amp", "outputtype", "source", "src",
    "feature", "share", "soc_src", "soc_trk", "via", "s_cid", "mkt_tok", "_hsenc", "_hsmi", "campaign_id",
    "embedded-checkout",
})  # fmt: skip
TRACKING_STARTS = ("utm_", "at_", "pk_", "mtm_", "hsa_", "icid")
# Never stored: they may be somebody's key, ours as well
SECRETS = frozenset({
    "auth_token", "apikey", "api_key", "api-key", "access_token", "token", "key", "appid", "signature", "sig", "password",
    "secret",
})  # fmt: skip

_JUNK = re.compile(r"(%20|\s|\+)+(title|description|alt|class|target|rel)=.*$", re.IGNORECASE)
_GOOGLE_AMP = re.compile(r"^/amp/(s/)?(?P<rest>[^/]+\..+)$")
_AMP_CACHE = re.compile(r"^/[cvi]/(s/)?(?P<rest>[^/]+\..+)$")
_FRONTS = re.compile(r"^(www\d?|amp|m|mobile|edition)\.")


def canonical(url: object) -> str:
    """An address without default port, user name, fragment, tracking, AMP form and trailing junk; empty where it is none.

    What may be a key is taken out. At most 512 characters: a longer one loses its query, or is dropped.
    """
    if not isinstance(url, str):
        return ""
    url = _JUNK.sub("", url.strip())
    if any(ord(sign) < 33 or ord(sign) == 127 for sign in url):
        return ""
    try:
        parts = urlsplit(url)
        port, host = parts.port, (parts.hostname or "").rstrip(".")
    except ValueError:
        return ""
    if parts.scheme.lower() not in DEFAULT_PORTS or not host:
        return ""
    unwrapped = _unwrapped(host, parts)
    if unwrapped:
        return canonical(unwrapped)
    host = host.removeprefix("amp.") if host.count(".") > 1 else host
    host = f"[{host}]" if ":" in host else host
    if port not in (None, DEFAULT_PORTS[parts.scheme.lower()]):
        host = f"{host}:{port}"
    path = _without_amp(re.sub(r"/{2,}", "/", parts.path)) or "/"
    query = urlencode([pair for pair in parse_qsl(parts.query, True) if _says_something(pair[0])])
    made = urlunsplit((parts.scheme.lower(), host, path, query, ""))
    if len(made) > LONGEST:
        made = urlunsplit((parts.scheme.lower(), host, path, "", ""))
    return made if len(made) <= LONGEST else ""


def name_of(url: str) -> str:
    """What two canonical addresses of one page share: no scheme, `www` or closing slash, parameters in order.

    Empty for a site's front page, which many stories may name.
    """
    if not url:
        return ""
    parts = urlsplit(url)
    path = unquote(parts.path).rstrip("/")
    query = urlencode(sorted(parse_qsl(parts.query, True)))
    if not path and not query:
        return ""
    return f"{_FRONTS.sub('', parts.netloc)}{path}{'?' if query else ''}{query}"


def site_of(url: str) -> str:
    """The registrable part of an address's host: `bbc.co.uk` of `https://www.news.bbc.co.uk/…`, by rule of thumb."""
    try:
        host = (urlsplit(url).hostname or "") if "//" in url else url.split("/")[0]
    except ValueError:
        return ""
    labels = _FRONTS.sub("", host.lower().rstrip(".")).split(".")
    if len(labels) < 2 or not all(labels):
        return ""
    most = (
        3
        if len(labels[-1]) == 2 and labels[-2] in ("co", "com", "org", "net", "gov", "ac", "edu", "go")
        else 2
    )
    return ".".join(labels[-most:])


def _says_something(name: str) -> bool:
    name = name.lower()
    return name not in TRACKING and name not in SECRETS and not name.startswith(TRACKING_STARTS)


def _unwrapped(host: str, parts: SplitResult) -> str:
    """The page inside an AMP viewer's or cache's address; empty where it is none."""
    if re.fullmatch(r"(www\.)?google\.[a-z.]{2,6}", host):
        match = _GOOGLE_AMP.match(parts.path)
    elif host.endswith(".cdn.ampproject.org"):
        match = _AMP_CACHE.match(parts.path)
    else:
        return ""
    return f"https://{match['rest']}{'?' if parts.query else ''}{parts.query}" if match else ""


def _without_amp(path: str) -> str:
    path = re.sub(r"/amp/?$", "", path, flags=re.IGNORECASE)
    path = re.sub(r"\.amp(?=(\.html?)?$)", "", path, flags=re.IGNORECASE)
    return re.sub(r"^/amp/(?=.)", "/", path, flags=re.IGNORECASE)
