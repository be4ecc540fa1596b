"""A browser's session: a signed cookie that says whose key opened it, and until when.

Nothing is stored. The hash of the key is part of what is signed: a key that leaves the file, or is replaced under the
same id, ends every session it opened.
"""

import hashlib
import hmac
import re
import time
from collections.abc import Callable

from aiohttp import web

from services.search.keys import Key, Keys

COOKIE = "letterbox_session"
LIFETIME_SECONDS = 12 * 3600

_TOKEN = re.compile(r"(?P<key>[A-Za-z0-9._-]{1,64}):(?P<until>[0-9]{1,12}):(?P<signature>[0-9a-f]{64})", re.ASCII)


class Sessions:
    """Opens and recognises sessions, signed with `secret`."""

    def __init__(self, secret: str, keys: Keys, *, secure: bool, clock: Callable[[], float] = time.time) -> None:
        self._secret = secret.encode()
        self._keys = keys
        self._secure = secure
        self._clock = clock

    def token(self, key: Key) -> str:
        """A session of `key` that ends in LIFETIME_SECONDS."""
        until = int(self._clock()) + LIFETIME_SECONDS
        return f"{key.id}:{until}:{self._signature(until, key)}"

    def owner(self, token: str) -> Key | None:
        """The key that opened this session, while the session and the key are valid."""
        match = _TOKEN.fullmatch(token)
        key = self._keys.named(match["key"]) if match else None
        if match is None or key is None:
            return None
        until = int(match["until"])
        if not hmac.compare_digest(match["signature"], self._signature(until, key)):
            return None
        return key if self._clock() < until else None

    def open(self, response: web.StreamResponse, key: Key) -> None:
        """Let `response` begin a session of `key` in the browser."""
        response.set_cookie(
            COOKIE,
            self.token(key),
            max_age=LIFETIME_SECONDS,
            path="/",
            httponly=True,
            samesite="Strict",
            secure=self._secure,
        )

    def close(self, response: web.StreamResponse) -> None:
        """Let `response` end the browser's session."""
        response.del_cookie(COOKIE, path="/", httponly=True, samesite="Strict", secure=self._secure)

    def _signature(self, until: int, key: Key) -> str:
        said = f"session:{key.id}:{until}:{key.sha256}"
        return hmac.new(self._secret, said.encode(), hashlib.sha256).hexdigest()
