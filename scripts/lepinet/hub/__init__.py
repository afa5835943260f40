"""Models on the Hugging Face Hub: fetched into a folder of their own, each file seen to be the one that is listed."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from lepinet.address import address_in
from lepinet.errors import OutsideError, RefusedError, UsageError
from lepinet.files import inside, read_small
from lepinet.hub.listing import Choose, ListedFile, Listing
from lepinet.locks import alone
from lepinet.settings import Settings
from lepinet.target import HUB_REPOSITORY
from lepinet.timings import Timings

if TYPE_CHECKING:
    # The official client takes most of a second to import: only those who fetch pay for it.
    from lepinet.hub.asking import Asking
    from lepinet.huggingface import Patience

T = TypeVar("T")

_COMMIT = re.compile(r"[0-9a-f]{40}")
LARGEST = 2 << 30
"""Bytes of all files that are fetched. A larger ONNX file than this cannot be loaded: it is one protocol buffer."""

Fetching = Callable[[str, int], Callable[[int], None]]
"""Told what is going to be fetched and how many bytes that is; makes what is told how many of them are here."""


@dataclass(frozen=True)
class Kept:
    """A commit of a repository on this machine."""

    folder: Path
    """The files that were asked for, and no others."""
    listing: Listing
    """All files of the commit."""


class Hub:
    """The Hub's models, as far as they are needed here."""

    def __init__(self, folder: Path, settings: Settings, timings: Timings, fetching: Fetching) -> None:
        """Nothing is asked yet.

        Args:
            folder: where they are kept; it may be removed at any time.
            settings: HF_TOKEN. HF_ENDPOINT counts from the environment only: a checkout that names the place in its
                .env would be sent the token.
            timings: limits.
            fetching: told of each model that is fetched.
        """
        self._folder = folder
        self._settings = settings
        self._timings = timings
        self._fetching = fetching

    def commit(self, repository: str, revision: str) -> str:
        """The commit that a branch or tag is now, 40 hex digits; a commit only if the Hub has it.

        Raises:
            LepinetError: as `fetch`.
        """
        return self.listing(repository, revision).revision

    def listing(self, repository: str, revision: str) -> Listing:
        """All files of what a branch, tag or commit is now; nothing is fetched.

        Raises:
            LepinetError: as `fetch`.
        """
        _must_be_a_repository(repository)
        return self._asking.listing(repository, revision, self._asking.patience())

    def tag(self, repository: str, commit: str, name: str, message: str) -> None:
        """Name a commit, so that it stays when its branch is squashed; a tag of that name stays as it is. Tried once.

        Raises:
            LepinetError: as `fetch`; RefusedError too when the token may not.
        """
        self._once(lambda asking: asking.tag(repository, commit, name, message))

    def propose(self, repository: str, parent: str, files: Mapping[str, bytes], title: str, text: str) -> str:
        """Open a pull request that adds files. Tried once: two of them would be worse than none.

        Args:
            repository: `org/name`.
            parent: the newest commit of its main branch.
            files: content by name, `/` between parts.
            title: of the pull request.
            text: what it is for, in Markdown.

        Returns:
            Its address.

        Raises:
            LepinetError: as `fetch`; RefusedError too when the token may not.
        """
        return self._once(lambda asking: asking.propose(repository, parent, files, title, text))

    def commit_at(self, repository: str, moment: datetime) -> str | None:
        """The last commit of main that was made by then, 40 hex digits; None when there was none yet.

        Raises:
            LepinetError: as `fetch`.
        """
        _must_be_a_repository(repository)
        return self._asking.commit_at(repository, moment, self._asking.patience())

    def fetch(self, repository: str, revision: str, choose: Choose) -> Kept:
        """The files of a commit; what is here already is looked at again, and nothing is asked.

        Args:
            repository: `org/name`.
            revision: 40 hex digits.
            choose: says which files are needed.

        Raises:
            RefusedError: the Hub has no such commit, or may not give it; a needed file is missing; they are too large.
            UsageError: HF_TOKEN is no token, or the client is not installed.
            OutsideError: the Hub refuses the token, does not answer, other bytes came than it lists, or the folder
                cannot be written.
        """
        _must_be_a_repository(repository)
        if not _COMMIT.fullmatch(revision):
            raise RefusedError(f"{revision} is no commit of a Hub repository (40 hex digits)", where=repository)
        place = self._folder / repository / revision
        if kept := _kept(place, repository, revision, choose):
            return kept
        try:
            with self._one_at_a_time(place):
                # Another process may have fetched it while this one waited.
                return _kept(place, repository, revision, choose) or self._fetch(place, repository, revision, choose)
        except OSError as error:
            raise OutsideError(f"the model cannot be kept: {error.strerror or error}", where=str(place)) from None

    def kept(self, repository: str, revision: str, choose: Choose) -> Kept | None:
        """As `fetch`, of what is here already; None where something would have to be fetched."""
        if not HUB_REPOSITORY.fullmatch(repository) or not _COMMIT.fullmatch(revision):
            return None
        return _kept(self._folder / repository / revision, repository, revision, choose)

    def _once(self, ask: Callable[[Asking], T]) -> T:
        asking = self._asking
        from lepinet.huggingface import NoAnswerError  # noqa: PLC0415 -- see above

        try:
            return ask(asking)
        except NoAnswerError as error:
            raise OutsideError(f"the Hub fails: {error}", where=asking.url, todo="run it again later") from None

    @cached_property
    def _asking(self) -> Asking:
        # Before the client is imported, which takes any address for one.
        endpoint = address_in(self._settings.environ, "HF_ENDPOINT")
        try:
            from lepinet.hub.asking import Asking  # noqa: PLC0415 -- see above
        except ModuleNotFoundError as error:
            what = f"fetching a model from the Hub needs {error.name}, which is not installed"
            raise UsageError(what, todo="pip install 'lepinet[evaluate]'") from None
        return Asking(endpoint, self._settings.token("HF_TOKEN"), self._timings)

    @contextmanager
    def _one_at_a_time(self, place: Path) -> Iterator[None]:
        with ExitStack() as held:
            try:
                held.enter_context(alone(place.with_name(f"{place.name}.lock"), self._timings.fetch))
            except BlockingIOError:
                what = f"another process has been fetching this model for {self._timings.fetch:g} s"
                raise OutsideError(what, where=str(place)) from None
            yield

    def _fetch(self, place: Path, repository: str, revision: str, choose: Choose) -> Kept:
        patience = self._asking.patience()
        listing = self._asking.listing(repository, revision, patience)
        if listing.revision != revision:
            what = f"asked for the commit {revision[:7]} of {repository}, it answers with {listing.revision[:7]}"
            raise OutsideError(what, where=self._asking.url)
        wanted = listing.chosen(choose)
        total = sum(file.size for file in wanted)
        if total > LARGEST:
            raise RefusedError(
                f"{repository} @ {revision[:7]} has {total / (1 << 30):,.1f} GiB to fetch, and at most"
                f" {LARGEST >> 30} GiB are fetched",
                todo="an ONNX file may have 2 GiB; quantize the model, or take a smaller one",
            )
        # An interrupted run may have left some of it there.
        unfinished = place.with_name(f"{place.name}.part")
        (unfinished / "files").mkdir(parents=True, exist_ok=True)
        self._bring_all(listing, wanted, unfinished / "files", patience)
        (unfinished / "listing.json").write_text(listing.model_dump_json(indent=1), encoding="utf-8")
        if place.exists():  # damaged, or somebody else wrote it
            shutil.rmtree(place)
        unfinished.rename(place)
        return Kept(place / "files", listing)

    def _bring_all(self, listing: Listing, wanted: tuple[ListedFile, ...], folder: Path, patience: Patience) -> None:
        total = sum(file.size for file in wanted)
        counted = self._fetching(f"{listing.repository} @ {listing.revision[:7]}", total)
        before = 0
        for file in wanted:
            self._bring(listing, file, folder, patience, partial(_count_from, before, counted))
            before += file.size
            counted(before)

    def _bring(
        self, listing: Listing, file: ListedFile, folder: Path, patience: Patience, progress: Callable[[int], None]
    ) -> None:
        """Fetch what is missing of one file, and all of it where what came is something else."""
        from lepinet.huggingface import NoAnswerError  # noqa: PLC0415 -- see above

        path = inside(folder, file.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        patience.renew()
        failure: NoAnswerError | None = None
        while not file.is_in(folder):
            if failure:
                patience.wait(failure)
            if (before := _size(path)) >= file.size:
                path.unlink(missing_ok=True)
                before = 0
            try:
                self._asking.download(listing, file, path, patience, progress)
                failure = NoAnswerError(f"the bytes of {file.name} are not those that it lists")
            except NoAnswerError as error:
                failure = error
            if before < _size(path) < file.size:
                patience.renew()


def _kept(place: Path, repository: str, revision: str, choose: Choose) -> Kept | None:
    """What was fetched whole, and is still what it was then."""
    try:
        listing = Listing.model_validate_json(read_small(place / "listing.json"))
        wanted = listing.chosen(choose)
    except (RefusedError, ValidationError):
        return None
    ours = (listing.repository, listing.revision) == (repository, revision)
    return Kept(place / "files", listing) if ours and all(file.is_in(place / "files") for file in wanted) else None


def _count_from(before: int, counted: Callable[[int], None], size: int) -> None:
    counted(before + size)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _must_be_a_repository(name: str) -> None:
    if not HUB_REPOSITORY.fullmatch(name):
        raise RefusedError(f"{name} is no repository of the Hub (org/name)")
