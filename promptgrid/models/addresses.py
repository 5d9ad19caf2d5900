"""Recognizes the base URLs of this machine and of OpenAI."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit


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
