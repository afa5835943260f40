"""Asking the Hub by its official client, with time limits; each way in which it says no has an error of its own."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, closing
from datetime import datetime
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

from huggingface_hub import CommitOperationAdd, HfApi, get_session, hf_hub_url, hf_raise_for_status
from huggingface_hub.constants import DEFAULT_REVISION
from huggingface_hub.errors import (
    DisabledRepoError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import (  # type: ignore[attr-defined]  # they are loaded when they are asked for
    paginate,
    parse_datetime,
)

from lepinet import __version__
from lepinet.deadline import within
from lepinet.errors import LepinetError, NoTokenError, OutsideError, RefusedError, UsageError
from lepinet.hub.listing import Flagged, ListedFile, Listing
from lepinet.huggingface import (
    A_FILE,
    BAD_TOKEN,
    HUB,
    NoAnswerError,
    Patience,
    Service,
    explained,
    headers,
    limit_client,
    said,
)
from lepinet.timings import Timings

T = TypeVar("T")


class Asking:
    """The Hub, as one token sees it."""

    def __init__(self, endpoint: str | None, token: str | None, timings: Timings) -> None:
        """Nothing is sent yet.

        Args:
            endpoint: the Hub's address; None for the usual one.
            token: None for the one that the client finds (keyless on GitHub Actions, `hf auth login`), if any.
            timings: `request` limits each answer and each pause within one, `fetch` the whole.

        Raises:
            UsageError: a keyless token is asked for and cannot be had.
        """
        sent = headers(token)
        # The same token in both, found once: finding it may take a request.
        self._token = sent.get("authorization", "").removeprefix("Bearer ")
        self._headers = sent
        self._api = HfApi(
            endpoint=endpoint or HUB, token=self._token or False, library_name="lepinet", library_version=__version__
        )
        self._timings = timings
        limit_client(timings)
        self.url = self._api.endpoint
        todo = "run it again later: what is here already is not fetched twice"
        self._service = Service("the Hub", self.url, todo, "HF_ENDPOINT")

    def patience(self) -> Patience:
        return Patience(self._timings, self._service, self._timings.fetch, "the model was not fetched")

    def listing(self, repository: str, revision: str, patience: Patience) -> Listing:
        """What a branch, tag or commit is now, with the hash of every file.

        Raises:
            RefusedError: there is no such thing, or it may not be read; each reason has its own words.
            OutsideError: the Hub refuses the token, does not answer, or not as the Hub.
        """
        return self._patiently(patience, repository, revision, partial(self._listing, repository, revision))

    def commit_at(self, repository: str, moment: datetime, patience: Patience) -> str | None:
        """The last commit of main that was made by then; None when there was none yet. Errors as of `listing`."""
        return self._patiently(patience, repository, DEFAULT_REVISION, partial(self._commit_at, repository, moment))

    def download(
        self, listing: Listing, file: ListedFile, to: Path, patience: Patience, progress: Callable[[int], None]
    ) -> None:
        """Add to a file what it lacks of its listed bytes. What they are is not looked at.

        Raises:
            NoAnswerError: not all of it came this time.
            LepinetError: as `listing`.
        """
        with self._explained(listing.repository, listing.revision):
            self._download(listing, file, to, patience, progress)

    def tag(self, repository: str, revision: str, name: str, message: str) -> None:
        """Name a commit, so that it stays when its branch is squashed; asked once. A tag of that name stays as it is.

        Raises:
            NoAnswerError: no answer this time.
            LepinetError: as `listing`; RefusedError too when the token may not.
        """
        self._must_have_a_token()
        with self._explained(repository, revision):
            within(
                self._timings.request,
                lambda: self._api.create_tag(
                    repository, tag=name, tag_message=message, revision=revision, exist_ok=True
                ),
            )

    def propose(self, repository: str, parent: str, files: Mapping[str, bytes], title: str, text: str) -> str:
        """A pull request that adds files to the newest commit of the main branch; its address.

        Raises:
            NoAnswerError: no answer this time.
            LepinetError: as `listing`; RefusedError too when the token may not.
        """
        self._must_have_a_token()
        with self._explained(repository, parent):
            try:
                proposed = within(
                    self._timings.fetch,
                    lambda: self._api.create_commit(
                        repository,
                        [CommitOperationAdd(name, content) for name, content in files.items()],
                        commit_message=title,
                        commit_description=text,
                        parent_commit=parent,
                        create_pr=True,
                    ),
                )
            except RuntimeError as error:
                # The client's own, around whatever befell an upload.
                raise error.__cause__ or error from None
        return proposed.pr_url or ""

    def _must_have_a_token(self) -> None:
        if not self._token:
            todo = "set HF_TOKEN to one that may write to the repository (docs/huggingface.md)"
            raise UsageError("changing a repository of the Hub needs a token", todo=todo)

    def _patiently(self, patience: Patience, repository: str, revision: str, call: Callable[[], T]) -> T:
        def answer() -> T:
            with self._explained(repository, revision):
                return call()

        return patience.ask(answer)

    def _listing(self, repository: str, revision: str) -> Listing:
        seconds = self._timings.request
        info = within(
            seconds,
            lambda: self._api.model_info(
                repository, revision=revision, files_metadata=True, securityStatus=True, timeout=seconds
            ),
        )
        if info.id != repository:
            named = ("--file-path", info.id, "--revision", info.sha or "")
            raise RefusedError(
                f"{repository} is called {info.id} on the Hub",
                todo=f"register the same commit as a new version: {shlex.join(named)}",
            )
        if info.disabled:
            raise _disabled(repository, self.url)
        for name in (file.rfilename for file in info.siblings or ()):
            if "\0" in name or any(part in {"", ".", ".."} for part in name.split("/")):
                raise RefusedError(f"{repository} has a file whose name leads out of its folder: {name!r}")
        security: Any = info.security_repo_status or {}
        return Listing(
            repository=repository,
            revision=info.sha or "",
            files=tuple(
                ListedFile(
                    name=file.rfilename,
                    size=(file.lfs.size if file.lfs else file.size) or 0,
                    blob_id=file.blob_id or "",
                    sha256=file.lfs.sha256 if file.lfs else None,
                )
                for file in info.siblings or ()
            ),
            scanned=security.get("scansDone") is True,
            flagged=tuple(
                Flagged(name=issue["path"], level=issue["level"]) for issue in security.get("filesWithIssues", ())
            ),
        )

    def _commit_at(self, repository: str, moment: datetime) -> str | None:
        # Newest first. The client's own method fetches all pages, and sets no limit to any.
        seconds = self._timings.request
        url = f"{self.url}/api/models/{repository}/commits/{DEFAULT_REVISION}"
        commits = iter(paginate(url, params={}, headers=self._headers, timeout=seconds))
        while commit := within(seconds, lambda: next(commits, None)):
            if parse_datetime(commit["date"]) <= moment:
                return str(commit["id"])
        return None

    def _download(
        self, listing: Listing, file: ListedFile, to: Path, patience: Patience, progress: Callable[[int], None]
    ) -> None:
        url = hf_hub_url(listing.repository, file.name, revision=listing.revision, endpoint=self.url)
        with to.open("ab", buffering=0) as out:
            size = out.tell()
            headers = self._headers | ({"Range": f"bytes={size}-"} if size else {})
            seconds, session = self._timings.request, get_session()
            request = session.build_request("GET", url, headers=headers, timeout=seconds, extensions={A_FILE: True})
            with closing(within(seconds, lambda: session.send(request, stream=True))) as response:
                hf_raise_for_status(response)
                if encoding := response.headers.get("Content-Encoding"):
                    raise NoAnswerError(f"it sends {file.name} as {encoding}, which nobody asked for")
                if response.status_code != HTTPStatus.PARTIAL_CONTENT:
                    size = out.truncate(0)
                for chunk in response.iter_raw():
                    patience.check()
                    size += len(chunk)
                    if size > file.size:
                        raise NoAnswerError(f"it sends more of {file.name} than it lists")
                    out.write(chunk)
                    progress(size)
        if size < file.size:
            raise NoAnswerError(f"it sent {size} of the {file.size} bytes of {file.name}")

    def _explained(self, repository: str, revision: str) -> AbstractContextManager[None]:
        offline = OutsideError(
            f"{repository} @ {revision[:7]} is not on this machine, and HF_HUB_OFFLINE forbids to fetch it",
            todo="fetch it once without HF_HUB_OFFLINE",
        )
        return explained(self._service, partial(self._refusal, repository, revision), offline)

    @property
    def _who(self) -> str:
        return "this token" if self._token else "somebody without a token"

    def _hidden(self, what: str, todo: str) -> RefusedError:
        """What only a token could show."""
        return RefusedError(what, todo=todo) if self._token else NoTokenError(what, todo=todo)

    def _refusal(self, repository: str, revision: str, error: HfHubHTTPError) -> LepinetError:
        status, page = error.response.status_code, f"{self.url}/{repository}"
        if isinstance(error, RevisionNotFoundError):
            return _no_such_revision(repository, revision, page)
        if isinstance(error, GatedRepoError):
            todo = f"accept its terms at {page} with the token's account, and let the token read gated repositories"
            return self._hidden(f"{repository} is gated, and {self._who} has no access to it", todo)
        if isinstance(error, DisabledRepoError):
            return _disabled(repository, self.url)
        if status == HTTPStatus.UNAUTHORIZED and error.response.headers.get("X-Error-Message") == BAD_TOKEN:
            todo = "make a new one that may read the model, for HF_TOKEN: https://huggingface.co/settings/tokens"
            return OutsideError("the Hub refuses the token: it is wrong, expired or revoked", where=self.url, todo=todo)
        if status == HTTPStatus.UNAUTHORIZED or isinstance(error, RepositoryNotFoundError):
            todo = "let the token read it" if self._token else "set HF_TOKEN to a token that may read it"
            what = f"the Hub has no model {repository} for {self._who}: it was deleted, or it is private"
            return self._hidden(what, f"{todo} (docs/huggingface.md)")
        what = f"the Hub refuses {repository} @ {revision[:7]} with HTTP {status}{said(error)}"
        return RefusedError(what, where=self.url)


def _no_such_revision(repository: str, revision: str, page: str) -> LepinetError:
    if re.fullmatch(r"[0-9a-f]{40}", revision):
        return RefusedError(
            f"{repository} has no commit {revision[:7]}: its history was rewritten (squashed, or pushed with force),"
            " or the commit was never pushed",
            todo=f"push that commit again, or register one of {page}/commits/main",
        )
    return RefusedError(f"{repository} has no branch, tag or commit {revision!r}", todo=f"see {page}/tree/main")


def _disabled(repository: str, url: str) -> LepinetError:
    return RefusedError(f"{repository} was disabled by the Hub", todo=f"{url}/{repository} says why")
