"""Photos that somebody sends: on disk for as long as they are looked at, under names of ours."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from lepinet.dashboard.attempts import UPLOAD
from lepinet.dashboard.place import place_of, site_of
from lepinet.errors import UsageError
from lepinet.report.escape import for_terminal


@contextmanager
def photos_of(request: Request, form: FormData, most: int) -> Iterator[Sequence[tuple[str, Path]]]:
    """What the person calls each photo, and where it is; nobody has looked into it yet.

    Args:
        request: of the form.
        form: with files in its field `photos`.
        most: photos at once.

    Raises:
        UsageError: there is none, or there are too many.
        HTTPException: 429, this person has sent too many in a short time.
    """
    sent = [one for one in form.getlist("photos") if isinstance(one, UploadFile) and one.filename]
    if not sent:
        raise UsageError("there is no photo", todo="choose one")
    if len(sent) > most:
        raise UsageError(f"{len(sent)} photos are too many at once", todo=f"send at most {most}")
    site, person = site_of(request), place_of(request).person
    if not all(site.attempts.count(UPLOAD, person) for _ in sent):
        raise HTTPException(HTTPStatus.TOO_MANY_REQUESTS, "You have sent many photos. Go on in ten minutes.")
    with TemporaryDirectory(prefix="lepinet-photos-") as folder:
        yield [(_called(one), _kept(one, Path(folder, str(number)))) for number, one in enumerate(sent)]


def _called(sent: UploadFile) -> str:
    """The last part of the name: some browsers send the whole path."""
    return for_terminal((sent.filename or "").replace("\\", "/").rpartition("/")[2], 100) or "a photo"


def _kept(sent: UploadFile, path: Path) -> Path:
    with path.open("xb") as file:
        shutil.copyfileobj(sent.file, file)
    return path
