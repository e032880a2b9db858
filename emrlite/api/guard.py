"""Who may call: a web page of somebody else may not.

Any site that a user visits can send requests to 127.0.0.1 (moto reflects every Origin), and a
name that it owns can be made to resolve there.  So a request names us by a host that is ours,
and comes from no foreign web page.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from emrlite.errors import AccessDeniedException
from emrlite.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Guard:
    """The hosts that we answer to and the web origins that may call."""

    hosts: frozenset[str]
    origins: frozenset[str]

    @classmethod
    def of(cls, settings: Settings) -> Guard:
        return cls(
            hosts=frozenset({"localhost", settings.host.lower(), *_names(settings.allow_hosts)}),
            origins=frozenset(origin.rstrip("/") for origin in _names(settings.allow_origins)),
        )

    def check(self, host: str, origin: str | None, fetch_site: str | None = None) -> None:
        """Raise `AccessDeniedException`, which names the flag that widens, unless the request may pass.

        *fetch_site* is the browser's ``Sec-Fetch-Site``: a foreign page's plain GET has no Origin.
        """
        name = _host_name(host)
        if not (name in self.hosts or _is_loopback(name)):
            raise AccessDeniedException(
                f"emrlite does not answer to the host name {name!r}. If this name is meant to reach it, "
                f"start emrlite with --allow-hosts {name or 'NAME'} (or set EMRLITE_ALLOW_HOSTS)."
            )
        if origin is not None and not self.allows(origin, host):
            raise AccessDeniedException(
                f"emrlite does not take calls from web pages of {origin!r}. If this page is yours, "
                f"start emrlite with --allow-origins {origin} (or set EMRLITE_ALLOW_ORIGINS)."
            )
        if origin is None and fetch_site == "cross-site":
            raise AccessDeniedException(
                "emrlite does not take calls from other sites' web pages; --allow-origins (or "
                "EMRLITE_ALLOW_ORIGINS) names the origins that may call."
            )

    def allows(self, origin: str, host: str) -> bool:
        """Tell whether *origin* is our own page or one that the user allows."""
        return origin.lower() in self.origins or urlsplit(origin).netloc.lower() == host.lower() != ""


def _names(setting: str) -> list[str]:
    return [name.strip().lower() for name in setting.split(",") if name.strip()]


def _host_name(host: str) -> str:
    """Return the name in a Host header, without port and brackets."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return host


def _is_loopback(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
