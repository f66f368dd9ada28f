"""A Hub on this machine's loopback: as much of its HTTP protocol as the real clients use, in memory, with faults.

The clients read the endpoint when they are imported, so they run in subprocesses with `HubServer.env(...)`.
"""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

PAGE = 1000  # entries of a listing that come at once
LFS_NAMES, LFS_SIZE = (".safetensors", ".parquet", ".bin", ".png"), 1 << 20


@dataclass
class Commit:
    sha: str
    message: str
    files: dict[str, bytes]
    parent: "Commit | None" = None


@dataclass
class Repository:
    private: bool
    refs: dict[str, Commit] = field(default_factory=dict)
    pull_requests: int = 0

    def find(self, revision: str) -> Commit | None:
        if revision in self.refs:
            return self.refs[revision]
        for head in self.refs.values():
            while head is not None and head.sha != revision:
                head = head.parent
            if head is not None:
                return head
        return None


class Refused(Exception):
    def __init__(self, status: int, text: str, code: str | None = None, body: Any = None):
        super().__init__(text)
        self.status, self.code, self.body = status, code, body


def blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def is_lfs(path: str, size: int) -> bool:
    return size > 0 and (path.endswith(LFS_NAMES) or size > LFS_SIZE)


class HubServer:
    """The server and what a test sees of it.

    Args:
        tokens: {token: (user, "write" or "read")}.
        orgs: organisations that every user may write to.
    """

    def __init__(self, tokens: dict[str, tuple[str, str]], orgs: list[str]):
        self.tokens, self.orgs = tokens, orgs
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.lfs: dict[str, bytes] = {}
        self.requests: list[tuple[str, str, str | None]] = []
        self.faults: list[tuple[str, re.Pattern, Any]] = []
        self.callbacks: list[tuple[str, re.Pattern, Callable[[], Any]]] = []
        self.lock, self.slow = threading.RLock(), threading.Event()

    def __enter__(self) -> "HubServer":
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"hub": self}))
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.slow.set()
        self.server.shutdown()
        self.server.server_close()

    def env(self, home: Path, token: str | None) -> dict[str, str]:
        """Environment variables of a client process with a cache of its own."""
        return {
            "HF_ENDPOINT": self.url, "HF_HOME": str(home), "HF_TOKEN": token or "",
            "PRETUNE_CACHE": str(home / "pretune"),
            "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "NO_PROXY": "127.0.0.1",
            "HF_UPDATE_DOWNLOAD_COUNTS": "0", "DISABLE_SAFETENSORS_CONVERSION": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        }  # fmt: skip

    def exists(self, repo_id: str, kind: str = "models") -> bool:
        return (kind, repo_id) in self.repositories

    def files(self, repo_id: str, revision: str = "main", kind: str = "models") -> dict[str, bytes]:
        commit = self.repositories[kind, repo_id].find(revision)
        return dict(commit.files) if commit else {}

    def commits(self, repo_id: str, revision: str = "main", kind: str = "models") -> list[dict[str, Any]]:
        """Oldest first: sha, message, and the names added or changed, and deleted."""
        found, commit = [], self.repositories[kind, repo_id].find(revision)
        while commit is not None:
            before = commit.parent.files if commit.parent else {}
            added = sorted(name for name, data in commit.files.items() if before.get(name) != data)
            deleted = sorted(before.keys() - commit.files.keys())
            found.append({"sha": commit.sha, "message": commit.message, "added": added, "deleted": deleted})
            commit = commit.parent
        return found[::-1]

    def commit(
        self, repo_id: str, add: dict[str, bytes], delete: tuple[str, ...] = (), message: str = "", ref: str = "main",
        kind: str = "models",
    ) -> Commit:  # fmt: skip
        """Commit as somebody else would."""
        with self.lock:
            repository = self.repositories[kind, repo_id]
            parent = repository.refs.get(ref)
            files = {n: d for n, d in (parent.files if parent else {}).items() if n not in delete} | add
            sha = hashlib.sha1(repr((repo_id, ref, message, parent and parent.sha, sorted(files.items()))).encode())
            repository.refs[ref] = Commit(sha.hexdigest(), message, files, parent)
            return repository.refs[ref]

    def fail(self, method: str, path: str, fault: int | str | bytes | tuple[int, dict], times: int = 1) -> None:
        """Answer the next `times` requests that match with a status, one with headers, "cut" (no answer), "slow"
        (until `release`), or something else than was asked for."""
        self.slow.clear()
        self.faults += [(method, re.compile(path), fault)] * times

    def before(self, method: str, path: str, callback: Callable[[], Any]) -> None:
        """Call once, before the next request that matches is answered."""
        self.callbacks.append((method, re.compile(path), callback))

    def rewrite(self, repo_id: str, files: dict[str, bytes], kind: str = "models") -> None:
        """Forget the repository's history: revisions of before are there no more, as after a forced push."""
        with self.lock:
            repository = self.repositories[kind, repo_id]
            repository.refs = {"main": Commit(hashlib.sha1(repr(sorted(files)).encode()).hexdigest(), "anew", files)}

    def release(self) -> None:
        self.slow.set()

    def take(self, queue: list, method: str, path: str) -> Any:
        with self.lock:
            for item in queue:
                if item[0] == method and item[1].search(path):
                    queue.remove(item)
                    return item[2]
        return None


class Handler(BaseHTTPRequestHandler):
    hub: HubServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *words: object) -> None:
        pass

    def answer(self, status: int, body: Any = b"", **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", headers.get("size") or str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def handle_request(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = unquote(urlsplit(self.path).path)
        self.query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        self.hub.requests.append((self.command, path, self.headers.get("authorization")))
        callback = self.hub.take(self.hub.callbacks, self.command, path)
        if callback is not None:
            callback()
        fault = self.hub.take(self.hub.faults, self.command, path)
        if fault == "cut":
            self.close_connection = True
            return self.connection.close()
        if isinstance(fault, bytes):
            return self.answer(200, fault, Content_Type="text/html")
        if fault == "slow":
            self.hub.slow.wait(60)
        elif fault is not None:
            status, headers = fault if isinstance(fault, tuple) else (fault, {})
            return self.answer(status, {"error": f"asked to fail with {status}"}, **headers)
        try:
            for method, pattern, name in ROUTES:
                match = re.fullmatch(pattern, path)
                if match and self.command in method.split():
                    with self.hub.lock:
                        return getattr(self, name)(body, **match.groupdict())
            raise Refused(404, f"no such route: {self.command} {path}")
        except Refused as error:
            headers = {"X_Error_Code": error.code} if error.code else {}
            self.answer(error.status, error.body or {"error": str(error)}, **headers, X_Error_Message=str(error))

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_request

    # --- who, and what ---

    def user(self, namespace: str) -> str:
        token = (self.headers.get("authorization") or "").removeprefix("Bearer ")
        if token not in self.hub.tokens:
            raise Refused(401, "Invalid username or password.")
        name, role = self.hub.tokens[token]
        if role != "write" or namespace not in (name, *self.hub.orgs):
            raise Refused(403, f"{name} has no right to write to {namespace} with a {role} token")
        return name

    def repository(self, kind: str, repo: str) -> Repository:
        found = self.hub.repositories.get((kind or "models", repo))
        signed = (self.headers.get("authorization") or "").removeprefix("Bearer ") in self.hub.tokens
        if found is None or (found.private and not signed):
            raise Refused(404, "Repository not found", "RepoNotFound")
        return found

    def revision(self, kind: str, repo: str, revision: str) -> Commit:
        commit = self.repository(kind, repo).find(revision)
        if commit is None:
            raise Refused(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return commit

    def entry(self, path: str, data: bytes) -> dict[str, Any]:
        row = {"type": "file", "path": path, "oid": blob(data), "size": len(data)}
        if is_lfs(path, len(data)):
            row["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
        return row

    # --- repositories ---

    def whoami(self, body: bytes) -> None:
        token = (self.headers.get("authorization") or "").removeprefix("Bearer ")
        if token not in self.hub.tokens:
            raise Refused(401, "Invalid username or password.")
        orgs = [{"name": org} for org in self.hub.orgs]
        self.answer(200, {"name": self.hub.tokens[token][0], "type": "user", "orgs": orgs, "auth": {}})

    def create(self, body: bytes) -> None:
        asked = json.loads(body)
        kind = asked.get("type", "model") + "s"
        token = (self.headers.get("authorization") or "").removeprefix("Bearer ")
        namespace = asked.get("organization") or self.hub.tokens.get(token, ("",))[0]
        self.user(namespace)
        repo = f"{namespace}/{asked['name']}"
        url = {"url": f"{self.hub.url}/{repo}" if kind == "models" else f"{self.hub.url}/{kind}/{repo}", "name": repo}
        if (kind, repo) in self.hub.repositories:
            raise Refused(409, "You already created this model repo", body=url)
        private = asked.get("private") or asked.get("visibility") == "private"
        self.hub.repositories[kind, repo] = Repository(bool(private))
        self.hub.commit(repo, {".gitattributes": b"*.safetensors filter=lfs\n"}, message="initial commit", kind=kind)
        self.answer(200, url)

    def info(self, body: bytes, kind: str, repo: str, revision: str = "main") -> None:
        commit = self.revision(kind, repo, revision)
        card = commit.files.get("README.md", b"").decode()
        tag = re.search(r"^pipeline_tag: (.*)$", card, re.M)
        library = re.search(r"^library_name: (.*)$", card, re.M)
        siblings = [{"rfilename": name} for name in sorted(commit.files)]
        facts = {"_id": "0", "id": repo, "sha": commit.sha, "private": self.repository(kind, repo).private, "tags": []}
        facts |= {"pipeline_tag": tag[1]} if tag else {}
        self.answer(200, facts | ({"library_name": library[1]} if library else {}) | {"siblings": siblings})

    def tree(self, body: bytes, kind: str, repo: str, revision: str, folder: str | None = None) -> None:
        files = self.revision(kind, repo, revision).files
        prefix = f"{folder.strip('/')}/" if folder and folder.strip("/") else ""
        inside = {name: data for name, data in files.items() if name.startswith(prefix)}
        if prefix and not inside:
            raise Refused(404, f"{folder} does not exist", "EntryNotFound")
        rows = [
            self.entry(name, data)
            for name, data in sorted(inside.items())
            if self.query.get("recursive", "").lower() == "true" or "/" not in name[len(prefix) :]
        ]
        folders = {prefix + name[len(prefix) :].split("/")[0] for name in inside if "/" in name[len(prefix) :]}
        rows += [
            {"type": "directory", "path": name, "oid": blob(name.encode()), "size": 0} for name in sorted(folders)
        ]
        begin = int(self.query.get("cursor", "0"))
        more = {}
        if begin + PAGE < len(rows):
            query = urlencode({**self.query, "cursor": begin + PAGE})
            more = {"Link": f'<{self.hub.url}{urlsplit(self.path).path}?{query}>; rel="next"'}
        self.answer(200, rows[begin : begin + PAGE], **more)

    def paths_info(self, body: bytes, kind: str, repo: str, revision: str) -> None:
        files = self.revision(kind, repo, revision).files
        try:
            paths = json.loads(body)["paths"]
        except ValueError:
            paths = parse_qs(body.decode()).get("paths", [])
        self.answer(200, [self.entry(path, files[path]) for path in paths if path in files])

    def refs(self, body: bytes, kind: str, repo: str) -> None:
        found = self.repository(kind, repo).refs.items()
        branches = [{"name": n, "ref": f"refs/heads/{n}", "targetCommit": c.sha} for n, c in found if "/" not in n]
        self.answer(200, {"branches": branches, "tags": [], "converts": [], "pullRequests": []})

    def branch(self, body: bytes, kind: str, repo: str, name: str) -> None:
        self.user(repo.split("/")[0])
        repository = self.repository(kind, repo)
        if name in repository.refs:
            raise Refused(409, f"Reference {name} exists already")
        start = json.loads(body or b"{}").get("startingPoint") or "main"
        repository.refs[name] = self.revision(kind, repo, start)
        self.answer(200, {})

    # --- upload ---

    def validate(self, body: bytes) -> None:
        self.answer(200, {})

    def preupload(self, body: bytes, kind: str, repo: str, revision: str) -> None:
        self.user(repo.split("/")[0])
        files = self.revision(kind, repo, revision).files
        answers = []
        for asked in json.loads(body)["files"]:
            lfs, data = is_lfs(asked["path"], asked["size"]), files.get(asked["path"])
            row = {"path": asked["path"], "uploadMode": "lfs" if lfs else "regular", "shouldIgnore": False}
            if data is not None:
                row["oid"] = hashlib.sha256(data).hexdigest() if lfs else blob(data)
            answers.append(row)
        self.answer(200, {"files": answers})

    def lfs_batch(self, body: bytes, kind: str, repo: str) -> None:
        self.user(repo.split("/")[0])
        objects = []
        for asked in json.loads(body)["objects"]:
            row = {"oid": asked["oid"], "size": asked["size"]}
            if asked["oid"] not in self.hub.lfs:
                row["actions"] = {"upload": {"href": f"{self.hub.url}/lfs/{asked['oid']}"}}
            objects.append(row)
        self.answer(200, {"transfer": "basic", "objects": objects})

    def lfs_put(self, body: bytes, oid: str) -> None:
        if hashlib.sha256(body).hexdigest() != oid:
            raise Refused(400, "the content is not that of its oid")
        self.hub.lfs[oid] = body
        self.answer(200)

    def make_commit(self, body: bytes, kind: str, repo: str, revision: str) -> None:
        self.user(repo.split("/")[0])
        head = self.revision(kind, repo, revision)
        add, delete, title = {}, [], ""
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "header":
                title = value["summary"]
                if value.get("parentCommit") not in (None, head.sha):
                    raise Refused(412, "A commit has happened since. Please refresh and try again.")
            elif line["key"] == "file":
                add[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                add[value["path"]] = self.hub.lfs[value["oid"]]
            elif line["key"] == "deletedFile":
                delete.append(value["path"])
            elif line["key"] == "deletedFolder":
                delete += [name for name in head.files if name.startswith(value["path"].rstrip("/") + "/")]
        answer, ref = {}, revision
        if self.query.get("create_pr") in ("1", "true", "True"):
            repository = self.repository(kind, repo)
            repository.pull_requests += 1
            ref = f"refs/pr/{repository.pull_requests}"
            repository.refs[ref] = head
            answer["pullRequestUrl"] = f"{self.hub.url}/{repo}/discussions/{repository.pull_requests}"
        made = self.hub.commit(repo, add, tuple(delete), title, ref, kind or "models")
        answer |= {"commitUrl": f"{self.hub.url}/{repo}/commit/{made.sha}", "commitOid": made.sha, "success": True}
        self.answer(200, answer)

    # --- download ---

    def resolve(self, body: bytes, repo: str, revision: str, name: str, kind: str | None = None) -> None:
        commit = self.revision(kind or "models", repo, revision)
        if name not in commit.files:
            raise Refused(404, f"{name} does not exist on {revision}", "EntryNotFound")
        data = commit.files[name]
        etag = hashlib.sha256(data).hexdigest() if is_lfs(name, len(data)) else blob(data)
        headers = {"X_Repo_Commit": commit.sha, "ETag": f'"{etag}"', "Accept_Ranges": "bytes"}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if wanted and self.command == "GET":
            first, last = int(wanted[1]), min(int(wanted[2] or len(data) - 1), len(data) - 1)
            part = data[first : last + 1]
            return self.answer(206, part, Content_Range=f"bytes {first}-{last}/{len(data)}", **headers)
        self.answer(200, data, **headers)


KIND, REPO = r"(?P<kind>models|datasets)", r"(?P<repo>[^/]+/[^/]+)"
ROUTES = [
    ("GET", r"/api/whoami-v2", "whoami"),
    ("POST", r"/api/repos/create", "create"),
    ("POST", r"/api/validate-yaml", "validate"),
    ("GET", rf"/api/{KIND}/{REPO}", "info"),
    ("GET", rf"/api/{KIND}/{REPO}/revision/(?P<revision>.+)", "info"),
    ("GET", rf"/api/{KIND}/{REPO}/tree/(?P<revision>refs/pr/\d+|[^/]+)(?P<folder>/.*)?", "tree"),
    ("POST", rf"/api/{KIND}/{REPO}/paths-info/(?P<revision>.+)", "paths_info"),
    ("GET", rf"/api/{KIND}/{REPO}/refs", "refs"),
    ("POST", rf"/api/{KIND}/{REPO}/branch/(?P<name>.+)", "branch"),
    ("POST", rf"/api/{KIND}/{REPO}/preupload/(?P<revision>.+)", "preupload"),
    ("POST", rf"/api/{KIND}/{REPO}/commit/(?P<revision>.+)", "make_commit"),
    ("POST", rf"/(?:(?P<kind>datasets)/)?{REPO}\.git/info/lfs/objects/batch", "lfs_batch"),
    ("PUT", r"/lfs/(?P<oid>[0-9a-f]{64})", "lfs_put"),
    ("GET HEAD", rf"/(?:(?P<kind>datasets)/)?{REPO}/resolve/(?P<revision>refs/pr/\d+|[^/]+)/(?P<name>.+)", "resolve"),
]
