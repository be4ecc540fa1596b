"""Who may come in: every request shows an owner's key, or a browser's session that a key opened.

Closed by default: a route is open to strangers only if PUBLIC names it.
"""

from collections.abc import Sequence
from urllib.parse import urlsplit

from aiohttp import web
from prometheus_client import Counter

from libs.service import audit
from libs.service.http import Handler, Problem, route_of
from services.search.attempts import Attempts, address_of
from services.search.keys import Key, Keys
from services.search.sessions import COOKIE, Sessions
from services.search.settings import Network

REFUSED = Counter("search_refused_total", "Keys refused at the owner's door.", ["reason"])

OWNER = web.RequestKey("owner", Key)
PUBLIC = frozenset({"/search/login", "/search/assets", "/verify"})
"""Routes that need no key; `/verify` looks for a session by itself."""
BY_SESSION = frozenset({"GET", "HEAD"})
"""What a session may do everywhere; of the rest, only what is a form of our own pages."""
SESSION_FORMS = frozenset({"/search/logout", "/search/inbox"})


class Access:
    """The lock of the owner's door."""

    def __init__(
        self, keys: Keys, sessions: Sessions, attempts: Attempts, own: str, trusted: Sequence[Network]
    ) -> None:
        self.keys = keys
        self.sessions = sessions
        self._attempts = attempts
        self._own = urlsplit(own).netloc
        self._trusted = tuple(trusted)

    def by_key(self, request: web.Request, presented: str) -> Key:
        """The key that was presented. Raises Problem 401, or 429 for who tries too many wrong ones."""
        key = self.keys.match(presented)
        if key is not None:
            return key
        wait = self._attempts.wrong(address_of(request, self._trusted))
        REFUSED.labels("wrong key" if wait is None else "too many attempts").inc()
        if wait is not None:
            raise Problem(429, "Too many wrong keys. Wait a moment.", retry_after=wait)
        audit.record("login failed", None, route=route_of(request))
        raise unauthorized("This is not an owner's key.")

    def by_session(self, request: web.Request) -> Key | None:
        """The key whose session the browser shows, where a session is enough."""
        token = request.cookies.get(COOKIE)
        enough = request.method in BY_SESSION or route_of(request) in SESSION_FORMS
        return self.sessions.owner(token) if token and enough else None

    def refuse_other_sites(self, request: web.Request) -> None:
        """Raise Problem 403 for a form that another site's page posted in the owner's name."""
        fetch_site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
        if fetch_site is not None:
            same = fetch_site in ("same-origin", "none")
        else:
            same = origin is None or urlsplit(origin).netloc in (request.host, self._own)
        if not same:
            raise Problem(403, "This form was sent by another site.")


ACCESS = web.AppKey("access", Access)


def unauthorized(title: str) -> Problem:
    """The answer to who shows no valid key."""
    return Problem(401, title, headers={"WWW-Authenticate": 'Bearer realm="letterbox"'})


@web.middleware
async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let only an owner through; a browser without a session is sent to the login page."""
    if route_of(request) in PUBLIC:
        return await handler(request)
    access = request.app[ACCESS]
    scheme, _, presented = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        request[OWNER] = access.by_key(request, presented.strip())
        return await handler(request)
    owner = access.by_session(request)
    if owner is None:
        raise unauthorized("An owner's key is required.")
    if request.method not in BY_SESSION:
        access.refuse_other_sites(request)
    request[OWNER] = owner
    return await handler(request)
