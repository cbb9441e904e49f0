"""The git side of the fake Hub: repositories whose commits, branches and pull requests live in memory."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

WHEN = "2026-01-01T00:00:00.000Z"
SPACE_README = """---
title: Board
emoji: 🐢
colorFrom: gray
colorTo: red
sdk: gradio
sdk_version: 5.0.0
app_file: app.py
pinned: false
---

Check out the configuration reference at https://huggingface.co/docs/hub/spaces-config-reference
"""
"""What the Hub itself begins a Space with."""


class HubRefusal(Exception):  # noqa: N818 - an answer of the server, not a failure of it
    """An answer with an error status, the Hub's error code and its message."""

    def __init__(self, status: int, code: str, message: str):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True)
class Blob:
    """One file's content; of a file in large storage git knows only a pointer."""

    content: bytes
    lfs: bool = False

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def oid(self) -> str:
        """The git object id: that of the pointer for a file in large storage."""
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(self.content)}\n"
        stored = pointer.encode() if self.lfs else self.content
        return hashlib.sha1(b"blob %d\0" % len(stored) + stored).hexdigest()

    def entry(self, path: str) -> dict[str, Any]:
        """What a listing says of the file."""
        found: dict[str, Any] = {"type": "file", "path": path, "size": len(self.content), "oid": self.oid}
        if self.lfs:
            found["lfs"] = {"oid": self.sha256, "size": len(self.content), "pointerSize": 134}
        return found


Tree = dict[str, Blob]


@dataclass(frozen=True)
class Commit:
    """A whole tree with its history behind it."""

    oid: str
    title: str
    description: str
    author: str
    parent: Commit | None
    tree: Tree

    def history(self) -> list[Commit]:
        """This commit and all before it, newest first."""
        found: list[Commit] = []
        commit: Commit | None = self
        while commit is not None:
            found.append(commit)
            commit = commit.parent
        return found


@dataclass
class Discussion:
    """A discussion, or a pull request with its branch `refs/pr/<num>`."""

    num: int
    title: str
    author: str
    is_pull_request: bool
    base: Commit
    status: str = "open"
    merge_commit: str | None = None
    events: list[dict[str, Any]] = field(default_factory=list)

    def say(self, kind: str, author: str, **data: Any) -> dict[str, Any]:
        """Add an event."""
        event = {
            "id": f"{len(self.events):024x}",
            "type": kind,
            "createdAt": WHEN,
            "author": {"name": author},
            "data": data,
        }
        self.events.append(event)
        return event

    def comment(self, author: str, text: str) -> dict[str, Any]:
        """Add a comment."""
        latest = {"raw": text, "html": text, "updatedAt": WHEN, "author": {"name": author}}
        return self.say("comment", author, edited=False, hidden=False, latest=latest, history=[])


class Repository:
    """A repository of any kind: `kind` is datasets, models or spaces."""

    def __init__(self, kind: str, name: str, owner: str, private: bool):
        self.kind, self.id, self.private = kind, name, private
        self.guard = threading.RLock()
        self.stored: dict[str, bytes] = {}
        """Large storage: content by sha256."""
        self.discussions: dict[int, Discussion] = {}
        self._numbers = itertools.count()
        self.variables: dict[str, str] = {}
        """Of a Space."""
        begun = {".gitattributes": Blob(b"*.parquet filter=lfs\n")}
        if kind == "spaces":
            begun["README.md"] = Blob(SPACE_README.encode())
        first = self._make(None, "initial commit", "", owner, begun)
        self.branches: dict[str, Commit] = {"main": first}

    @property
    def head(self) -> Commit:
        return self.branches["main"]

    @property
    def files(self) -> dict[str, bytes]:
        """The content of every file of the main branch but git's own."""
        return {path: blob.content for path, blob in self.head.tree.items() if not path.startswith(".git")}

    def find(self, revision: str) -> Commit:
        """The commit of a branch, a pull request (`refs/pr/1`) or an id."""
        if revision in self.branches:
            return self.branches[revision]
        for branch in self.branches.values():
            for commit in branch.history():
                if commit.oid == revision:
                    return commit
        raise HubRefusal(404, "RevisionNotFound", f"Invalid rev id: {revision}")

    def commit(self, revision: str, lines: list[dict[str, Any]], author: str, create_pr: bool) -> tuple[Commit, int]:
        """Apply one commit, whole or not at all; returns it with the number of the pull request it opened, or 0."""
        with self.guard:
            header = next(line["value"] for line in lines if line["key"] == "header")
            head = self.find(revision)
            if header.get("parentCommit") not in (None, head.oid):
                raise HubRefusal(
                    412, "PreconditionFailed", "A commit has happened since. Please refresh and try again."
                )
            tree = dict(head.tree)
            for line in lines:
                self._apply(tree, line["key"], line["value"])
            made = self._make(head, header["summary"], header.get("description", ""), author, tree)
            number = 0
            if create_pr:
                number = self.open(header["summary"], header.get("description", ""), author, pull_request=True).num
                revision = f"refs/pr/{number}"
            elif revision not in self.branches:
                raise HubRefusal(404, "RevisionNotFound", f"{revision} is no branch")
            self.branches[revision] = made
            if revision.startswith("refs/pr/"):
                discussion = self.discussions[int(revision.rpartition("/")[2])]
                discussion.say("commit", author, subject=made.title, oid=made.oid)
            return made, number

    def _apply(self, tree: Tree, key: str, value: Mapping[str, Any]) -> None:
        if key == "file":
            tree[value["path"]] = Blob(base64.b64decode(value["content"]))
        elif key == "lfsFile":
            if value["oid"] not in self.stored:
                raise HubRefusal(400, "BadRequest", f"lfs object {value['oid']} was never uploaded")
            tree[value["path"]] = Blob(self.stored[value["oid"]], lfs=True)
        elif key == "deletedFile":
            if tree.pop(value["path"], None) is None:
                raise HubRefusal(404, "EntryNotFound", "A file with this name doesn't exist")
        elif key == "deletedFolder":
            inside = [path for path in tree if path.startswith(value["path"].rstrip("/") + "/")]
            if not inside:
                raise HubRefusal(404, "EntryNotFound", "A folder with this name doesn't exist")
            for path in inside:
                del tree[path]
        elif key != "header":
            raise HubRefusal(400, "BadRequest", f"unknown operation {key}")

    def _make(self, parent: Commit | None, title: str, description: str, author: str, tree: Tree) -> Commit:
        listing = {path: blob.oid for path, blob in sorted(tree.items())}
        content = json.dumps([next(self._numbers), parent and parent.oid, title, listing])
        return Commit(hashlib.sha1(content.encode()).hexdigest(), title, description, author, parent, tree)

    def open(self, title: str, description: str, author: str, *, pull_request: bool) -> Discussion:
        """Open a discussion or a pull request on the present head."""
        with self.guard:
            made = Discussion(len(self.discussions) + 1, title, author, pull_request, self.head)
            made.comment(author, description)
            self.discussions[made.num] = made
            if pull_request:
                self.branches[f"refs/pr/{made.num}"] = self.head
            return made

    def conflicts(self, request: Discussion) -> list[str]:
        """Paths that both the pull request and the main branch have changed since it was opened."""
        theirs = self.branches[f"refs/pr/{request.num}"].tree
        return sorted(_changed(request.base.tree, theirs) & _changed(request.base.tree, self.head.tree))

    def merge(self, request: Discussion, author: str) -> None:
        """Merge a pull request into the main branch."""
        with self.guard:
            if request.status != "open" and request.status != "draft":
                raise HubRefusal(409, "Conflict", f"pull request {request.num} is {request.status}")
            if self.conflicts(request):
                raise HubRefusal(409, "Conflict", "There are conflicts: " + ", ".join(self.conflicts(request)))
            theirs = self.branches[f"refs/pr/{request.num}"].tree
            tree = dict(self.head.tree)
            for path in _changed(request.base.tree, theirs):
                if path in theirs:
                    tree[path] = theirs[path]
                else:
                    tree.pop(path, None)
            merged = self._make(self.head, f"{request.title} (#{request.num})", "", author, tree)
            self.branches["main"] = merged
            request.merge_commit, request.status = merged.oid, "merged"
            request.say("status-change", author, status="merged")

    def put(self, path: str, content: bytes, *, lfs: bool = False) -> None:
        """Place a file as a stranger with write access might: no check at all."""
        with self.guard:
            tree = {**self.head.tree, path: Blob(content, lfs)}
            self.branches["main"] = self._make(self.head, f"put {path}", "", "stranger", tree)

    def remove(self, path: str) -> None:
        """Delete a file."""
        with self.guard:
            tree = {known: blob for known, blob in self.head.tree.items() if known != path}
            self.branches["main"] = self._make(self.head, f"remove {path}", "", "stranger", tree)


def _changed(old: Tree, new: Tree) -> set[str]:
    return {path for path in old.keys() | new.keys() if old.get(path) != new.get(path)}
