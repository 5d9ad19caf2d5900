"""How requests reach an endpoint: directly or by the environment's proxy, in plain text or by TLS."""

from __future__ import annotations

import asyncio
import base64
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, quote, unquote, urlsplit

from promptgrid.endpoint import faults
from promptgrid.endpoint.http.connection import Connection
from promptgrid.endpoint.settings import EndpointSettings

if TYPE_CHECKING:
    import ssl

_NEXT_ADDRESS_S = 0.25  # RFC 8305: after this time, the next address of a host is tried beside the first
_PORTS = {"http": 80, "https": 443}
_IN_A_PATH = "/%:@!$&'()*+,;=~?"


@dataclass(frozen=True, slots=True)
class Route:
    """The way to one endpoint. `headers` are sent with every request. `tls` has the certificates that are trusted; None
    for an endpoint in plain text. `proxy` is the address of the proxy; None without one."""

    base: SplitResult
    headers: Mapping[str, str]
    tls: ssl.SSLContext | None
    proxy: SplitResult | None
    _starts: dict[tuple[str, bool], bytes] = field(default_factory=dict)

    def request(self, url: str, body: bytes | None) -> bytes:
        """Returns the bytes of a POST of `body` to the URL, or of a GET if it is None."""
        start = self._starts.get((url, body is None))
        if start is None:
            self._starts[url, body is None] = start = self._start(url, "GET" if body is None else "POST")
        return start + b"\r\n" if body is None else b"%bContent-Length: %d\r\n\r\n%b" % (start, len(body), body)

    def _start(self, url: str, method: str) -> bytes:
        parts = urlsplit(url)
        path = quote(parts.path or "/", safe=_IN_A_PATH) + (
            f"?{quote(parts.query, safe=_IN_A_PATH)}" if parts.query else ""
        )
        headers = {"Host": _host(parts), "Accept-Encoding": "gzip"}
        if self.proxy is not None and self.tls is None:
            path = f"http://{_host(parts)}{path}"
            headers |= _credentials(self.proxy)
        own = {name.lower() for name in self.headers}
        headers = {name: value for name, value in headers.items() if name.lower() not in own} | dict(self.headers)
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return "".join(f"{line}\r\n" for line in lines).encode("ascii")

    async def connected(self) -> Connection:
        """Returns a new connection that is ready for a request. Raises OSError, BrokenAnswer, or ValueError for an
        address that cannot be used."""
        if self.proxy is None:
            return await _opened(self.base, self.tls)
        connection = await _opened(self.proxy, _usual_tls() if self.proxy.scheme == "https" else None)
        if self.tls is None:
            return connection
        try:
            await self._open_tunnel(connection, self.tls)
        except BaseException:
            connection.close()
            raise
        return connection

    async def _open_tunnel(self, connection: Connection, tls: ssl.SSLContext) -> None:
        assert self.proxy is not None  # checked by the caller
        target = f"{_name(self.base)}:{_port(self.base)}"
        headers = {"Host": target, **_credentials(self.proxy)}
        lines = [f"CONNECT {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        head = await connection.exchange("".join(f"{line}\r\n" for line in [*lines, ""]).encode("ascii"))
        if head.status != 200 or not connection.is_idle:
            raise ConnectionError(f"The proxy refuses with the status {head.status}")
        loop = asyncio.get_running_loop()
        transport = await loop.start_tls(connection.transport, connection, tls, server_hostname=self.base.hostname)
        assert transport is not None  # only of a closed connection, which raises
        connection.connection_made(transport)


def route_of(settings: EndpointSettings, headers: Mapping[str, str]) -> Route:
    """Returns the way to the endpoint by the proxies and certificates of the environment. Raises
    EndpointError(connection) for certificates that cannot be read, ValueError for a proxy that cannot be used."""
    base, proxy = urlsplit(settings.base_url), _proxy(settings)
    if proxy is not None and proxy.scheme not in _PORTS:
        raise ValueError(f"A proxy of the kind {proxy.scheme} cannot be used")
    return Route(base, headers, _certificates(settings), proxy)


async def _opened(address: SplitResult, tls: ssl.SSLContext | None) -> Connection:
    loop = asyncio.get_running_loop()
    name = address.hostname or ""
    _, connection = await loop.create_connection(
        Connection, name, _port(address), ssl=tls, server_hostname=name if tls else None,
        happy_eyeballs_delay=_NEXT_ADDRESS_S,
    )  # fmt: skip
    return connection


def _port(address: SplitResult) -> int:
    return address.port or _PORTS[address.scheme]


def _name(address: SplitResult) -> str:
    """Returns the host as it is written in a request: in ASCII, an IPv6 address in brackets."""
    name = (
        (address.hostname or "").encode("idna").decode()
        if not (address.hostname or "").isascii()
        else address.hostname or ""
    )
    return f"[{name}]" if ":" in name else name


def _host(address: SplitResult) -> str:
    usual = address.port in (None, _PORTS[address.scheme])
    return _name(address) if usual else f"{_name(address)}:{address.port}"


def _credentials(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _usual_tls() -> ssl.SSLContext:
    import httpx2

    return httpx2.create_ssl_context()


def _proxy(settings: EndpointSettings) -> SplitResult | None:
    """Returns the address of the environment's proxy for this endpoint, None without one."""
    url = urlsplit(settings.base_url)
    if settings.is_direct or urllib.request.proxy_bypass(url.hostname or ""):
        return None
    proxies = urllib.request.getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    return urlsplit(proxy if "://" in proxy else f"http://{proxy}") if proxy else None


def _certificates(settings: EndpointSettings) -> ssl.SSLContext | None:
    """Returns the trusted certificates: those of SSL_CERT_FILE, else SSL_CERT_DIR, else those of this machine, as in
    the openai SDK. None for an endpoint in plain text. Raises EndpointError if they cannot be read."""
    if settings.base_url.startswith("http:"):
        return None
    try:
        return _usual_tls()
    except OSError as error:
        raise faults.unread_certificates(error) from None
