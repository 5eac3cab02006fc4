"""Customers' URLs taken apart, checked for sense and kept without their secrets in sight. Knows no network."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field, replace

import httpx2

from polyscribe.domain.errors import FetchFailed, FetchFault
from polyscribe.outbound.addresses import is_name

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Target:
    """Where one request goes. `host` is lower-case ASCII without brackets or final dot; `path` includes the query.

    Paths and credentials are left out of the repr: both can be secrets (signed URLs).
    """

    scheme: str
    host: str
    port: int
    path: str = field(repr=False)
    authorization: str | None = field(default=None, repr=False)

    @property
    def origin(self) -> tuple[str, str, int]:
        """What credentials belong to."""
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def joined(self, location: str) -> Target:
        """Where a redirect leads. Credentials stay with their origin; those in the redirect itself are dropped.

        Raises:
            FetchFailed: BAD_ADDRESS.
        """
        try:
            url = httpx2.URL(f"{self.scheme}://{self.authority}{self.path}").join(location)
        except (httpx2.InvalidURL, ValueError):
            raise _bad(f"{self.host} redirects to an address that cannot be read.") from None
        there = _target(url, None)
        return replace(there, authorization=self.authorization) if there.origin == self.origin else there


def parse(url: str, basic_auth: tuple[str, str] | None = None) -> Target:
    """A customer's URL; `basic_auth` wins over a user name and password in the URL.

    Raises:
        FetchFailed: BAD_ADDRESS.
    """
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError):
        raise _bad("The address is not a URL.") from None
    if basic_auth is None and parsed.userinfo:
        basic_auth = parsed.username, parsed.password
    return _target(parsed, None if basic_auth is None else basic(*basic_auth))


def basic(user: str, password: str) -> str:
    """The value of an Authorization header (RFC 7617, in UTF-8)."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode("ascii")


def _target(url: httpx2.URL, authorization: str | None) -> Target:
    if url.scheme not in _DEFAULT_PORTS:
        raise _bad("Only http and https addresses can be opened.")
    host = url.raw_host.decode("ascii").lower().removesuffix(".")
    if "%" in host or not (":" in host or is_name(host)):  # with a colon it is an IPv6 address, scoped if with %
        raise _bad("The address has no valid host name.")
    port = _DEFAULT_PORTS[url.scheme] if url.port is None else url.port
    if not 0 < port < 65536:
        raise _bad("The address has no valid port.")
    return Target(url.scheme, host, port, url.raw_path.decode("ascii"), authorization)


def _bad(message: str) -> FetchFailed:
    return FetchFailed(FetchFault.BAD_ADDRESS, message)
