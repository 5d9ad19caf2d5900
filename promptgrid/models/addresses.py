"""The normal form of base URLs, and those of this machine and of OpenAI."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from promptgrid.errors import PromptgridError


@lru_cache(maxsize=256)
def is_loopback(base_url: str) -> bool:
    """Whether the URL's host is this machine: `localhost`, 127.0.0.1, ::1, 0.0.0.0 …"""
    host = (urlsplit(base_url).hostname or "").rstrip(".")
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified  # 0.0.0.0 reaches this machine too


@lru_cache(maxsize=256)  # called for every request
def is_openai(base_url: str) -> bool:
    """Whether the URL's host is OpenAI's API, or the OpenAI service of Azure."""
    host = urlsplit(base_url).hostname or ""
    return host == "api.openai.com" or host.endswith((".api.openai.com", ".openai.azure.com"))


def normalised(base_url: str) -> str:
    """Returns the address in its normal form: lower-case scheme and host, no default port, no slash at the end.

    Raises PromptgridError if it is not an http(s) address, or has a password, a query or a fragment.
    """
    try:
        parts = urlsplit(base_url.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise PromptgridError(f"This base URL cannot be read: {error}.", hint="Check its host and port.") from error
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise PromptgridError(
            f"The base URL of {host} carries a password, a query or a fragment.",
            hint="Put the key into an environment variable, and leave the plain address.",
        )
    if parts.scheme not in ("http", "https") or not host:
        raise PromptgridError(f"{base_url!r} is no base URL.", hint="Write it like http://localhost:11434/v1.")
    netloc = f"[{host}]" if ":" in host else host
    if port and port != {"http": 80, "https": 443}[parts.scheme]:
        netloc += f":{port}"
    return f"{parts.scheme}://{netloc}{parts.path.rstrip('/')}"
