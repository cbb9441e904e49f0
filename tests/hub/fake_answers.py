"""What the fake Hub answers to which address: who may, what a repository holds, commits, large files, discussions."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from hub.fake_repository import WHEN, Blob, Discussion, HubRefusal, Repository

if TYPE_CHECKING:
    from email.message import Message

    from hub.fake_hub import FakeHub, User

LARGEST_REGULAR = 10 * 2**20


@dataclass(frozen=True)
class Answer:
    """Status, headers and body of an answer."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
        """An answer in JSON."""
        return cls(status, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})


@dataclass(frozen=True)
class Request:
    """A request with its caller."""

    method: str
    target: str
    headers: Message
    body: bytes
    user: User | None

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query)

    def json(self) -> Any:
        """The body's JSON."""
        return json.loads(self.body) if self.body else {}


def answer(hub: FakeHub, request: Request) -> Answer:
    """Answer a request; raises HubRefusal for the Hub's own errors."""
    for methods, pattern, handler in hub.routes:
        found = re.fullmatch(pattern, request.path)
        if found and request.method in methods:
            return handler(hub, request, **{name: unquote(value or "") for name, value in found.groupdict().items()})
    raise HubRefusal(404, "", f"The fake Hub knows no {request.method} {request.path}")


def readable(hub: FakeHub, request: Request, kind: str, name: str) -> Repository:
    """The repository, for those who may see it."""
    repository = hub.repositories.get((kind or "models", name))
    if repository is None or (repository.private and not _belongs(request.user, name)):
        # The real Hub does not tell strangers whether a repository is private or absent.
        if request.user is None:
            raise HubRefusal(401, "RepoNotFound", "Invalid username or password.")
        raise HubRefusal(404, "RepoNotFound", "Repository not found")
    return repository


def _belongs(user: User | None, name: str) -> bool:
    owner = name.partition("/")[0]
    return user is not None and (user.name == owner or owner in user.orgs)


def writable(hub: FakeHub, request: Request, kind: str, name: str) -> Repository:
    """The repository, for those who may write to it."""
    repository = readable(hub, request, kind, name)
    if request.user is None:
        raise HubRefusal(401, "", "Invalid username or password.")
    if not request.user.writes or not _belongs(request.user, name):
        raise HubRefusal(403, "", "Forbidden: you have no write access to this repository")
    return repository


def _whoami(hub: FakeHub, request: Request) -> Answer:
    if request.user is None:
        raise HubRefusal(401, "", "Invalid username or password.")
    role = request.user.role or ("write" if request.user.writes else "read")
    return Answer.json(
        {
            "type": "user",
            "name": request.user.name,
            "fullname": request.user.name,
            "orgs": [{"name": org, "type": "org"} for org in request.user.orgs],
            "auth": {"type": "access_token", "accessToken": {"displayName": "test", "role": role}},
        }
    )


def _create(hub: FakeHub, request: Request) -> Answer:
    wanted = request.json()
    if request.user is None:
        raise HubRefusal(401, "", "Invalid username or password.")
    kind = (wanted.get("type") or "model") + "s"
    name = f"{wanted.get('organization') or request.user.name}/{wanted['name']}"
    prefix = "" if kind == "models" else f"{kind}/"
    url = f"{hub.endpoint}/{prefix}{name}"
    if not request.user.writes or not _belongs(request.user, name):
        raise HubRefusal(403, "", f"You don't have the rights to create a {kind[:-1]} under this namespace")
    if (kind, name) in hub.repositories:
        return Answer.json({"error": "You already created this repo", "url": url}, 409)
    if kind == "spaces" and wanted.get("sdk") not in ("gradio", "docker", "static"):
        raise HubRefusal(400, "", "a Space needs an sdk")
    made = hub.create(name, kind=kind, private=wanted.get("visibility") == "private")
    made.variables |= {variable["key"]: variable["value"] for variable in wanted.get("variables", ())}
    return Answer.json({"url": url, "id": name, "name": name})


def _info(hub: FakeHub, request: Request, kind: str, name: str, revision: str = "main") -> Answer:
    repository = readable(hub, request, kind, name)
    commit = repository.find(revision)
    siblings = [{"rfilename": path} for path in sorted(commit.tree)]
    return Answer.json(
        {
            "_id": "1",
            "id": repository.id,
            "sha": commit.oid,
            "private": repository.private,
            "lastModified": WHEN,
            "createdAt": WHEN,
            "tags": [],
            "downloads": 0,
            "likes": 0,
            "siblings": siblings,
        }
    )


def _auth_check(hub: FakeHub, request: Request, kind: str, name: str, write: str = "") -> Answer:
    (writable if write else readable)(hub, request, kind, name)
    return Answer.json({})


def _tree(hub: FakeHub, request: Request, kind: str, name: str, revision: str, folder: str = "") -> Answer:
    tree = readable(hub, request, kind, name).find(revision).tree
    recursive = request.query.get("recursive", ["false"])[0].lower() == "true"
    start = f"{folder.rstrip('/')}/" if folder else ""
    found: dict[str, dict[str, Any]] = {}
    for path, blob in sorted(tree.items()):
        if not path.startswith(start):
            continue
        parts = path.removeprefix(start).split("/")
        for depth in range(1, len(parts) if recursive else min(len(parts), 2)):
            inside = start + "/".join(parts[:depth])
            found.setdefault(inside, {"type": "directory", "path": inside, "size": 0, "oid": "0" * 40})
        if recursive or len(parts) == 1:
            found[path] = blob.entry(path)
    if folder and not found:
        raise HubRefusal(404, "EntryNotFound", f"{folder} does not exist")
    entries = [found[path] for path in sorted(found)]
    begin = int(request.query.get("cursor", ["0"])[0])
    page = entries[begin : begin + hub.page_size]
    headers = {}
    if begin + len(page) < len(entries):
        headers["Link"] = f'<{hub.endpoint}{request.path}?recursive={recursive}&cursor={begin + len(page)}>; rel="next"'
    return Answer.json(page, headers=headers)


def _paths_info(hub: FakeHub, request: Request, kind: str, name: str, revision: str) -> Answer:
    tree = readable(hub, request, kind, name).find(revision).tree
    wanted = parse_qs(request.body.decode()).get("paths", [])
    if len(wanted) > 1000:
        raise HubRefusal(413, "", "too many parameters")
    return Answer.json([tree[path].entry(path) for path in wanted if path in tree])


def _preupload(hub: FakeHub, request: Request, kind: str, name: str, revision: str) -> Answer:
    create_pr = "create_pr" in request.query
    repository = (readable if create_pr else writable)(hub, request, kind, name)
    tree = repository.find(revision).tree
    files = []
    for file in request.json()["files"]:
        large = file["path"].endswith((".parquet", ".npz")) or file["size"] > LARGEST_REGULAR
        known = tree.get(file["path"])
        oid = known and (known.sha256 if known.lfs else known.oid)
        files.append(
            {
                "path": file["path"],
                "uploadMode": "lfs" if large else "regular",
                "shouldIgnore": False,
                **({"oid": oid} if oid else {}),
            }
        )
    return Answer.json({"files": files})


def _commit(hub: FakeHub, request: Request, kind: str, name: str, revision: str) -> Answer:
    create_pr = "create_pr" in request.query
    repository = (readable if create_pr else writable)(hub, request, kind, name)
    if request.user is None:
        raise HubRefusal(401, "", "Invalid username or password.")
    lines = [json.loads(line) for line in request.body.splitlines() if line.strip()]
    made, number = repository.commit(revision, lines, request.user.name, create_pr)
    place = f"{hub.endpoint}/{kind}/{name}"
    found = {"success": True, "commitOid": made.oid, "commitUrl": f"{place}/commit/{made.oid}", "hookOutput": ""}
    return Answer.json(found | ({"pullRequestUrl": f"{place}/discussions/{number}"} if number else {}))


def _commits(hub: FakeHub, request: Request, kind: str, name: str, revision: str) -> Answer:
    history = readable(hub, request, kind, name).find(revision).history()
    return Answer.json(
        [
            {
                "id": commit.oid,
                "title": commit.title,
                "message": commit.description,
                "date": WHEN,
                "authors": [{"user": commit.author}],
            }
            for commit in history
        ]
    )


def _lfs_batch(hub: FakeHub, request: Request, name: str, kind: str = "") -> Answer:
    repository = readable(hub, request, kind.rstrip("/"), name)
    objects = []
    for wanted in request.json()["objects"]:
        found = {"oid": wanted["oid"], "size": wanted["size"]}
        if wanted["oid"] not in repository.stored:
            place = f"{repository.kind}/{repository.id}/{wanted['oid']}"
            upload = {"href": f"{hub.storage}/storage/{place}"}
            found["actions"] = {"upload": upload, "verify": {"href": f"{hub.endpoint}/verify/{place}"}}
        objects.append(found)
    return Answer.json({"transfer": "basic", "objects": objects})


def _store(hub: FakeHub, request: Request, kind: str, name: str, oid: str) -> Answer:
    # Signed addresses carry their own permission: a token must never reach them.
    if request.headers.get("Authorization"):
        raise HubRefusal(400, "", "Only one auth mechanism allowed")
    repository = hub.repositories[kind, name]
    if request.method == "PUT":
        if Blob(request.body).sha256 != oid:
            raise HubRefusal(400, "", "the content does not match its sha256")
        repository.stored[oid] = request.body
        return Answer()
    if oid not in repository.stored:
        raise HubRefusal(404, "", "no such object")
    return _ranged(request, repository.stored[oid], {})


def _verify(hub: FakeHub, request: Request, kind: str, name: str, oid: str) -> Answer:
    content = hub.repositories[kind, name].stored.get(oid)
    if content is None or len(content) != request.json()["size"]:
        raise HubRefusal(400, "", "the upload is incomplete")
    return Answer.json({})


def _resolve(hub: FakeHub, request: Request, name: str, revision: str, path: str, kind: str = "") -> Answer:
    repository = readable(hub, request, kind.rstrip("/"), name)
    commit = repository.find(revision)
    blob = commit.tree.get(path)
    if blob is None:
        raise HubRefusal(404, "EntryNotFound", "Entry not found")
    headers = {"X-Repo-Commit": commit.oid}
    if blob.lfs:
        repository.stored.setdefault(blob.sha256, blob.content)
        place = f"{hub.storage}/storage/{repository.kind}/{repository.id}/{blob.sha256}"
        linked = {"X-Linked-Etag": f'"{blob.sha256}"', "X-Linked-Size": str(len(blob.content)), "Location": place}
        return Answer(302, b"", headers | linked)
    return _ranged(request, blob.content, headers | {"ETag": f'"{blob.oid}"'})


def _ranged(request: Request, content: bytes, headers: Mapping[str, str]) -> Answer:
    wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
    headers = {"Accept-Ranges": "bytes", **headers}
    if not wanted:
        return Answer(200, content, headers)
    first, last = int(wanted[1]), min(int(wanted[2] or len(content) - 1), len(content) - 1)
    span = f"bytes {first}-{last}/{len(content)}"
    return Answer(206, content[first : last + 1], headers | {"Content-Range": span})


def _discussion(hub: FakeHub, request: Request, kind: str, name: str, number: str) -> tuple[Repository, Discussion]:
    repository = readable(hub, request, kind, name)
    found = repository.discussions.get(int(number))
    if found is None:
        raise HubRefusal(404, "", "Discussion not found")
    return repository, found


def _overview(repository: Repository, one: Discussion) -> dict[str, Any]:
    return {
        "num": one.num,
        "title": one.title,
        "status": one.status,
        "author": {"name": one.author},
        "createdAt": WHEN,
        "isPullRequest": one.is_pull_request,
        "repo": {"name": repository.id, "type": repository.kind[:-1]},
    }


def _discussions(hub: FakeHub, request: Request, kind: str, name: str) -> Answer:
    repository = readable(hub, request, kind, name)
    if request.method == "POST":
        if request.user is None:
            raise HubRefusal(401, "", "Invalid username or password.")
        wanted = request.json()
        opened = repository.open(
            wanted["title"], wanted["description"], request.user.name, pull_request=wanted["pullRequest"]
        )
        return Answer.json({"num": opened.num})
    kinds, statuses = request.query.get("type", ["all"])[0], request.query.get("status", ["all"])[0]
    authors = request.query.get("author")
    found = [
        one
        for one in repository.discussions.values()
        if kinds in ("all", "pull_request" if one.is_pull_request else "discussion")
        and (statuses == "all" or (statuses == "open") == (one.status in ("open", "draft")))
        and (authors is None or one.author in authors)
    ]
    begin = 50 * int(request.query.get("p", ["0"])[0])
    page = [_overview(repository, one) for one in found[::-1][begin : begin + 50]]
    return Answer.json({"discussions": page, "start": begin, "count": len(found)})


def _details(hub: FakeHub, request: Request, kind: str, name: str, number: str) -> Answer:
    repository, one = _discussion(hub, request, kind, name, number)
    found = _overview(repository, one) | {"events": one.events, "filesWithConflicts": []}
    if one.is_pull_request:
        changes = {"base": "refs/heads/main", "mergeCommitId": one.merge_commit}
        conflicts = [] if one.status == "merged" else repository.conflicts(one)
        found |= {"changes": changes, "filesWithConflicts": conflicts, "diff": ""}
    return Answer.json(found)


def _act(hub: FakeHub, request: Request, kind: str, name: str, number: str, action: str) -> Answer:
    repository, one = _discussion(hub, request, kind, name, number)
    if request.user is None:
        raise HubRefusal(401, "", "Invalid username or password.")
    if action == "comment":
        return Answer.json({"newMessage": one.comment(request.user.name, request.json()["comment"])})
    if request.user.name != one.author or action == "merge":
        writable(hub, request, kind, name)
    if action == "merge":
        repository.merge(one, request.user.name)
        return Answer.json({})
    if said := request.json().get("comment"):
        one.comment(request.user.name, said)
    one.status = request.json()["status"]
    return Answer.json({"newStatus": one.say("status-change", request.user.name, status=one.status)})


_API = r"/api/(?P<kind>datasets|models|spaces)/(?P<name>[^/]+/[^/]+)"
_PLACE = r"/(?P<kind>datasets/|spaces/|)(?P<name>[^/]+/[^/]+)"
_STORED = r"(?P<kind>datasets|models|spaces)/(?P<name>[^/]+/[^/]+)/(?P<oid>[0-9a-f]{64})"
Route = tuple[tuple[str, ...], str, Callable[..., Answer]]
"""Methods, a pattern of the address, and who answers."""
ROUTES: list[Route] = [
    (("GET",), r"/api/whoami-v2", _whoami),
    (("POST",), r"/api/repos/create", _create),
    (("GET",), _API, _info),
    (("GET",), _API + r"/revision/(?P<revision>[^/]+)", _info),
    (("GET",), _API + r"/auth-check(?P<write>/write)?", _auth_check),
    (("GET",), _API + r"/tree/(?P<revision>[^/]+)(?:/(?P<folder>.+))?", _tree),
    (("POST",), _API + r"/paths-info/(?P<revision>[^/]+)", _paths_info),
    (("POST",), _API + r"/preupload/(?P<revision>[^/]+)", _preupload),
    (("POST",), _API + r"/commit/(?P<revision>[^/]+)", _commit),
    (("GET",), _API + r"/commits/(?P<revision>[^/]+)", _commits),
    (("GET", "POST"), _API + r"/discussions", _discussions),
    (("GET",), _API + r"/discussions/(?P<number>\d+)", _details),
    (("POST",), _API + r"/discussions/(?P<number>\d+)/(?P<action>merge|comment|status)", _act),
    (("POST",), _PLACE + r"\.git/info/lfs/objects/batch", _lfs_batch),
    (("PUT", "GET", "HEAD"), r"/storage/" + _STORED, _store),
    (("POST",), r"/verify/" + _STORED, _verify),
    (("GET", "HEAD"), _PLACE + r"/resolve/(?P<revision>[^/]+)/(?P<path>.+)", _resolve),
]
