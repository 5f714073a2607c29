"""Which requests are let in: by host name, origin and token.

A server on this machine is within reach of every page that its user opens. A page elsewhere can
make a browser send requests here, and by DNS rebinding even read the answers; checking the Host
header ends the second, the Origin header the first.

References
----------
Jackson et al., "Protecting Browsers from DNS Rebinding Attacks", CCS 2007.
"""

from __future__ import annotations

import hmac
import http.cookies
import ipaddress
import urllib.parse
from dataclasses import dataclass
from functools import lru_cache

from convlens.serve.http.bodies import Call
from convlens.serve.http.problems import Problem

COOKIE = "convlens_token"
OPEN = ("/healthz", "/readyz")
"""Addresses that need no token: monitoring asks them."""
_SAFE = ("GET", "HEAD", "OPTIONS")


def is_loopback(host: str) -> bool:
    """Say whether an address or a name means this machine and nobody else.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class Access:
    """What every request is checked for.

    Parameters
    ----------
    local : bool
        The server is bound to this machine only: other names in the Host header are refused.
    token : str, optional
        What a client must know.
    """

    local: bool = True
    token: str | None = None

    def check(self, call: Call) -> None:
        """Refuse a request that may not come in.

        Raises
        ------
        Problem
            403 for a wrong host or origin, 401 without the token.
        """
        host = call.header(b"host")
        if self.local and not _names_this_machine(host):
            raise Problem(
                *(403, "wrong_host", "the Host header names another machine"),
                "localhost or 127.0.0.1",
                "open the address that convlens serve printed",
            )
        if call.scope["method"] not in _SAFE:
            self._check_origin(call, host)
        if self.token is not None and call.scope["path"] not in OPEN and not self._knows(call):
            raise Problem(
                *(401, "no_token", "the request has no token, or a wrong one"),
                "Authorization: Bearer TOKEN, or the address with ?token=TOKEN once in a browser",
                "take the token that convlens serve printed",
                headers={"WWW-Authenticate": "Bearer"},
            )

    def _check_origin(self, call: Call, host: str) -> None:
        origin = call.header(b"origin")
        site = call.header(b"sec-fetch-site")
        same = not origin or urllib.parse.urlsplit(origin).netloc.lower() == host.lower()
        if not same or site not in ("", "same-origin", "none"):
            raise Problem(
                *(403, "wrong_origin", "the request comes from a page of another site"),
                "a page of this server, or a program",
                "open the server's own page",
            )

    def _knows(self, call: Call) -> bool:
        kind, _, token = call.header(b"authorization").partition(" ")
        if kind.lower() == "bearer" and self.is_token(token.strip()):
            return True
        try:
            cookie = http.cookies.SimpleCookie(call.header(b"cookie")).get(COOKIE)
        except http.cookies.CookieError:
            return False
        return cookie is not None and self.is_token(cookie.value)

    def is_token(self, token: str) -> bool:
        """Compare in a time that says nothing about the token."""
        return self.token is not None and hmac.compare_digest(
            token.encode("utf-8", "replace"), self.token.encode()
        )

    def sign_in(self, call: Call) -> str | None:
        """Return where to send a browser that brought `?token=`, or None."""
        if self.token is None or b"token=" not in call.scope["query_string"]:
            return None
        query = urllib.parse.parse_qsl(call.scope["query_string"].decode("latin-1"))
        tokens = [value for key, value in query if key == "token"]
        if call.scope["method"] != "GET" or not tokens or not self.is_token(tokens[0]):
            return None
        rest = urllib.parse.urlencode([(k, v) for k, v in query if k != "token"])
        path = "/" + urllib.parse.quote(str(call.scope["path"])).lstrip("/")
        return path + ("?" + rest if rest else "")

    def cookie(self) -> str:
        """Return the cookie that stands for the token from then on."""
        return f"{COOKIE}={self.token}; Path=/; HttpOnly; SameSite=Strict"


@lru_cache(maxsize=64)
def _names_this_machine(host: str) -> bool:
    """Say so of a Host header, with or without a port."""
    try:
        return is_loopback(urllib.parse.urlsplit("//" + host).hostname or "")
    except ValueError:
        return False
