"""Which account an access key belongs to, by moto's rule.

moto's header says it, or the key is itself an account number, or moto gave the key out (to a
user, or to a role of another account) and knows.  All other keys are the default account's.
"""

from __future__ import annotations

import http.client
import logging
import re
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

from emrlite.api.routing import Caller

log = logging.getLogger(__name__)

#: moto's own, and that of callers whom nothing tells apart.
DEFAULT_ACCOUNT = "123456789012"
ACCOUNT_HEADER = "x-moto-account-id"
_ACCOUNT = re.compile(r"\d{12}")
#: Keys as AWS, and moto, make them.
_GIVEN_OUT = re.compile(r"(AKIA|ASIA|LKIA|LSIA)[A-Z0-9]{16}")
_ANSWER = re.compile(rb"<Account>(\d{12})</Account>")


class Accounts:
    """Looks accounts up; what moto said about a key is remembered, for a key never changes its account."""

    def __init__(self, moto_url: Callable[[], str], moto_runs: Callable[[], bool]) -> None:
        self._moto_url = moto_url
        self._moto_runs = moto_runs
        self._known: dict[str, str] = {}
        self._lock = threading.Lock()

    def of(self, who: Caller, given: str | None) -> str:
        """Return the account of *who*; *given* is moto's header."""
        if given and _ACCOUNT.fullmatch(given):
            return given
        if _ACCOUNT.fullmatch(who.access_key):
            return who.access_key
        if not _GIVEN_OUT.fullmatch(who.access_key):
            return DEFAULT_ACCOUNT
        with self._lock:
            known = self._known.get(who.access_key)
        if known is None and self._moto_runs():
            known = self._ask(who.access_key)
            if known != DEFAULT_ACCOUNT:  # a key that is unknown now may be given out later
                with self._lock:
                    self._known[who.access_key] = known
        return known or DEFAULT_ACCOUNT

    def forget(self) -> None:
        """moto was wiped, and its keys with it."""
        with self._lock:
            self._known.clear()

    def _ask(self, key: str) -> str:
        parts = urlsplit(self._moto_url())
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        scope = f"{key}/20200101/us-east-1/sts/aws4_request"
        try:
            connection.request("POST", "/", "Action=GetCallerIdentity&Version=2011-06-15", {
                "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
                "Content-Type": "application/x-www-form-urlencoded"})
            found = _ANSWER.search(connection.getresponse().read())
        except (OSError, http.client.HTTPException) as error:
            log.warning("moto cannot tell whose key %s… is: %s", key[:8], error)
            return DEFAULT_ACCOUNT
        finally:
            connection.close()
        return found[1].decode() if found else DEFAULT_ACCOUNT
