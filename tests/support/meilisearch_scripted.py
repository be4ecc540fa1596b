"""A Meilisearch for tests of bad days: keeps documents, tasks and keys, and has the faults that a test gives it.

Its answers have the shapes of the recorded conversation (tests/data); every request is let through only if the key's
actions and indexes allow it, and what was used is remembered by key. It searches by looking for the words.
"""

import asyncio
import hashlib
import hmac
import re
from collections.abc import Callable
from typing import Any

from aiohttp import web

from tests.support.served import Served

Json = dict[str, Any]

EPOCH = "2026-11-24T00:10:04.718281982Z"
ACTIONS = (
    ("POST", "/indexes", "indexes.create"),
    ("GET", "/indexes/{uid}", "indexes.get"),
    ("DELETE", "/indexes/{uid}", "indexes.delete"),
    ("PATCH", "/indexes/{uid}/settings", "settings.update"),
    ("POST", "/indexes/{uid}/documents", "documents.add"),
    ("POST", "/indexes/{uid}/documents/delete", "documents.delete"),
    ("DELETE", "/indexes/{uid}/documents/{id}", "documents.delete"),
    ("POST", "/indexes/{uid}/documents/fetch", "documents.get"),
    ("GET", "/indexes/{uid}/documents", "documents.get"),
    ("POST", "/indexes/{uid}/search", "search"),
    ("POST", "/multi-search", "search"),
    ("GET", "/indexes/{uid}/stats", "stats.get"),
    ("GET", "/tasks/{task}", "tasks.get"),
    ("POST", "/swap-indexes", "indexes.swap"),
)
"""The action that Meilisearch asks for, by route."""
FULL_QUEUE = (
    "no_space_left_on_device",
    "system",
    "Meilisearch cannot receive write operations because the task queue is full.",
)
FULL_DISK = ("no_space_left_on_device", "system", "No space left on device.")


class ScriptedMeilisearch(Served):
    """A server for one test file, with `master` as master key."""

    def __init__(self, master: str = "a-master-key-of-the-test") -> None:
        self.master = master
        self.indexes: dict[str, dict[str, Json]] = {}
        self.settings: dict[str, Json] = {}
        self.keys: dict[str, Json] = {}
        self.key_changes = 0
        self.used: dict[str, set[tuple[str, str]]] = {}
        """(action, index) by the name of the key; a swap and its task name no index."""
        self.refuses_tasks: tuple[str, str, str] | None = None
        """Code, type and message with which every task is refused before it is one."""
        self.fails_tasks: tuple[str, str, str] | None = None
        """The same for tasks that are taken, and then fail."""
        self.cancels_tasks = False
        self.largest = 100 << 20
        self.blames: Callable[[Json], str | None] = lambda _document: None
        """The code with which a document makes its task fail."""
        self.refuses_searches: tuple[str, str, str] | None = None
        self.tasks_failed = 0
        """Those that were refused included."""
        self.tasks: list[Json] = []
        self._changed = asyncio.Condition()
        super().__init__(self._application())

    def documents(self, uid: str = "documents") -> dict[str, Json]:
        return self.indexes.get(uid, {})

    def recover(self) -> None:
        """Have no fault any more."""
        self.refuses_tasks = self.fails_tasks = self.refuses_searches = None
        self.cancels_tasks = False
        self.blames = lambda _document: None

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something that was asked for has made it true."""
        async with self._changed:
            await self._changed.wait_for(condition)

    # --- the routes

    def _application(self) -> web.Application:
        app = web.Application(middlewares=[self._watched, self._keyed], client_max_size=1 << 30)
        app.router.add_get("/health", self._health)
        app.router.add_get("/keys", self._all_keys)
        app.router.add_post("/keys", self._add_key)
        app.router.add_get("/keys/{uid}", self._one_key)
        app.router.add_delete("/keys/{uid}", self._remove_key)
        handlers = {
            "indexes.create": self._create, "indexes.get": self._index, "indexes.delete": self._drop,
            "settings.update": self._settings, "documents.add": self._add, "documents.get": self._fetch,
            "search": self._search, "stats.get": self._stats, "tasks.get": self._task, "indexes.swap": self._swap,
        }  # fmt: skip
        for method, path, action in ACTIONS:
            handler = self._remove if action == "documents.delete" else handlers[action]
            app.router.add_route(method, path, self._several if path == "/multi-search" else handler)
        return app

    @web.middleware
    async def _watched(self, request: web.Request, handler: Any) -> web.StreamResponse:
        answer: web.StreamResponse = await handler(request)
        async with self._changed:
            self._changed.notify_all()
        return answer

    @web.middleware
    async def _keyed(self, request: web.Request, handler: Any) -> web.StreamResponse:
        resource = request.match_info.route.resource
        action = next(
            (
                action
                for method, path, action in ACTIONS
                if resource and (method, path) == (request.method, resource.canonical)
            ),
            None,
        )
        if request.path == "/health":
            answer: web.StreamResponse = await handler(request)
            return answer
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not key:
            return problem(401, "missing_authorization_header", "auth", "The Authorization header is missing.")
        if key != self.master and not await self._may(request, key, action):
            return problem(403, "invalid_api_key", "auth", "The provided API key is invalid.")
        passed: web.StreamResponse = await handler(request)
        return passed

    async def _may(self, request: web.Request, key: str, action: str | None) -> bool:
        known = next((one for one in self.keys.values() if one["key"] == key), None)
        if known is None or action is None or not _covers(known["actions"], action):
            return False
        uids = await self._concerned(request, action)
        if not all(uid in known["indexes"] or "*" in known["indexes"] for uid in uids):
            return False
        self.used.setdefault(known["name"], set()).update((action, uid) for uid in uids)
        return True

    async def _concerned(self, request: web.Request, action: str) -> list[str]:
        if "uid" in request.match_info:
            return [request.match_info["uid"]]
        if action == "tasks.get":
            return [self.tasks[int(request.match_info["task"])]["indexUid"] or "*"]
        body = await request.json()
        if action == "indexes.create":
            return [body["uid"]]
        if action == "indexes.swap":
            return [uid for swap in body for uid in swap["indexes"]]
        return [query["indexUid"] for query in body["queries"]]

    # --- keys

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "available"})

    async def _all_keys(self, _request: web.Request) -> web.Response:
        own = {"name": "Default Admin API Key", "uid": "its-own", "actions": ["*"], "indexes": ["*"]}
        return web.json_response({"results": [own, *self.keys.values()]})

    async def _one_key(self, request: web.Request) -> web.Response:
        key = self.keys.get(request.match_info["uid"])
        return web.json_response(key) if key else problem(404, "api_key_not_found", "invalid_request", "No such key.")

    async def _remove_key(self, request: web.Request) -> web.Response:
        self.key_changes += 1
        del self.keys[request.match_info["uid"]]
        return web.Response(status=204)

    async def _add_key(self, request: web.Request) -> web.Response:
        self.key_changes += 1
        key = await request.json()
        self.keys[key["uid"]] = {**key, "key": derived(self.master, key["uid"])}
        return web.json_response(self.keys[key["uid"]], status=201)

    # --- indexes, documents and tasks

    def _enqueue(self, kind: str, uid: str | None, work: Callable[[], Json], error: str | None = None) -> web.Response:
        if self.refuses_tasks:
            self.tasks_failed += 1
            return problem(422, *self.refuses_tasks)
        task: Json = {
            "uid": len(self.tasks), "batchUid": len(self.tasks), "indexUid": uid, "status": "succeeded", "type": kind,
            "canceledBy": None, "details": {}, "error": None, "duration": "PT0.01S", "enqueuedAt": EPOCH,
            "startedAt": EPOCH, "finishedAt": EPOCH,
        }  # fmt: skip
        self.tasks.append(task)
        self.tasks_failed += bool(self.cancels_tasks or self.fails_tasks or error)
        if self.cancels_tasks:
            task.update(status="canceled", canceledBy=0)
        elif self.fails_tasks:
            task.update(status="failed", error=described(*self.fails_tasks))
        elif error:
            task.update(
                status="failed", error=described(error, "internal" if error == "internal" else "invalid_request", error)
            )
        else:
            task["details"] = work()
        summary = {"taskUid": task["uid"], "indexUid": uid, "status": "enqueued", "type": kind, "enqueuedAt": EPOCH}
        return web.json_response(summary, status=202)

    async def _create(self, request: web.Request) -> web.Response:
        uid = (await request.json())["uid"]
        there = uid in self.indexes

        def work() -> Json:
            self.indexes[uid] = {}
            return {"primaryKey": "document_id"}

        return self._enqueue("indexCreation", uid, work, "index_already_exists" if there else None)

    async def _index(self, request: web.Request) -> web.Response:
        uid = request.match_info["uid"]
        if uid not in self.indexes:
            return absent(uid)
        return web.json_response({"uid": uid, "createdAt": EPOCH, "updatedAt": EPOCH, "primaryKey": "document_id"})

    async def _drop(self, request: web.Request) -> web.Response:
        uid = request.match_info["uid"]

        def work() -> Json:
            return {"deletedDocuments": len(self.indexes.pop(uid))}

        return self._enqueue("indexDeletion", uid, work, None if uid in self.indexes else "index_not_found")

    async def _settings(self, request: web.Request) -> web.Response:
        uid, body = request.match_info["uid"], await request.json()

        def work() -> Json:
            self.settings[uid] = body
            return dict(body)

        return self._enqueue("settingsUpdate", uid, work)

    async def _add(self, request: web.Request) -> web.Response:
        uid, body = request.match_info["uid"], await request.read()
        if len(body) > self.largest:
            return problem(413, "payload_too_large", "invalid_request", "The provided payload reached the size limit.")
        documents: list[Json] = await request.json()
        blamed = next((code for one in documents if (code := self.blames(one))), None)

        def work() -> Json:
            self.indexes.setdefault(uid, {}).update({one["document_id"]: one for one in documents})
            return {"receivedDocuments": len(documents), "indexedDocuments": len(documents)}

        return self._enqueue("documentAdditionOrUpdate", uid, work, blamed)

    async def _remove(self, request: web.Request) -> web.Response:
        uid, one = request.match_info["uid"], request.match_info.get("id")
        asked = "" if one else (await request.json())["filter"]
        contact = re.fullmatch(r'contact_id = "(.*)"', asked)

        def work() -> Json:
            kept = self.indexes[uid]
            gone = [key for key in kept if key == one or (contact and kept[key]["contact_id"] == contact[1])]
            for key in gone:
                del kept[key]
            return {"deletedDocuments": len(gone)}

        return self._enqueue("documentDeletion", uid, work, None if uid in self.indexes else "index_not_found")

    async def _swap(self, request: web.Request) -> web.Response:
        one, other = (await request.json())[0]["indexes"]

        def work() -> Json:
            self.indexes[one], self.indexes[other] = self.indexes[other], self.indexes[one]
            return {}

        return self._enqueue("indexSwap", None, work, None if {one, other} <= set(self.indexes) else "index_not_found")

    async def _task(self, request: web.Request) -> web.Response:
        return web.json_response(self.tasks[int(request.match_info["task"])])

    async def _fetch(self, request: web.Request) -> web.Response:
        body = (
            await request.json()
            if request.method == "POST"
            else {n: int(request.query[n]) for n in ("offset", "limit")}
        )
        kept = list(self.documents(request.match_info["uid"]).values())
        if body.get("ids"):
            kept = [one for one in kept if one["document_id"] in body["ids"]]
        begin, limit = body.get("offset") or 0, body.get("limit") or 20
        page = {"results": kept[begin : begin + limit], "offset": begin, "limit": limit, "total": len(kept)}
        return web.json_response(page)

    async def _stats(self, request: web.Request) -> web.Response:
        number = len(self.documents(request.match_info["uid"]))
        return web.json_response({"numberOfDocuments": number, "isIndexing": False, "fieldDistribution": {}})

    async def _search(self, request: web.Request) -> web.Response:
        uid = request.match_info["uid"]
        if self.refuses_searches:
            return problem(503 if self.refuses_searches[1] == "system" else 400, *self.refuses_searches)
        return web.json_response(self._found(uid, await request.json())) if uid in self.indexes else absent(uid)

    async def _several(self, request: web.Request) -> web.Response:
        asked = (await request.json())["queries"]
        return web.json_response(
            {"results": [{"indexUid": one["indexUid"], **self._found(one["indexUid"], one)} for one in asked]}
        )

    def _found(self, uid: str, asked: Json) -> Json:
        words = (asked.get("q") or "").replace('"', "").split()
        hits = [one for one in self.documents(uid).values() if all(word in one["text"] for word in words)]
        return {
            "hits": hits[: asked.get("limit", 20)], "query": asked.get("q") or "", "processingTimeMs": 0,
            "limit": asked.get("limit", 20), "offset": 0, "estimatedTotalHits": len(hits),
            "facetDistribution": {name: {} for name in asked.get("facets") or ()},
        }  # fmt: skip


def derived(master: str, uid: str) -> str:
    """A key, as Meilisearch's documentation says it is made."""
    return hmac.new(master.encode(), uid.encode(), hashlib.sha256).hexdigest()


def described(code: str, kind: str, message: str) -> Json:
    return {"message": message, "code": code, "type": kind, "link": f"https://docs.meilisearch.com/errors#{code}"}


def problem(status: int, code: str, kind: str, message: str) -> web.Response:
    return web.json_response(described(code, kind, message), status=status)


def absent(uid: str) -> web.Response:
    return problem(404, "index_not_found", "invalid_request", f"Index `{uid}` not found.")


def _covers(actions: list[str], action: str) -> bool:
    return any(one in ("*", action) or (one.endswith(".*") and action.startswith(one[:-1])) for one in actions)
