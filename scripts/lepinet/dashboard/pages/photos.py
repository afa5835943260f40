"""Small pictures of known images, by the digest of the photo: no name of a file is ever asked for."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lepinet.dashboard.place import place_of, site_of
from lepinet.evaluation.cases import KnownImages
from lepinet.workflow.workspace import Workspace


def photo(request: Request) -> Response:
    known = place_of(request).workspace.known_images
    digest = request.path_params["digest"]
    image = next((one for one in known.images if one.sha256 == digest), None) if known else None
    return shown(site_of(request).thumbnails.of(image) if image else None)


def shown(jpeg: bytes | None) -> Response:
    """A small picture, at an address that names the photo's content.

    Raises:
        HTTPException: 404, there is none.
    """
    if jpeg is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "There is no such photo, or it cannot be decoded.")
    # Another content has another address. Private: a proxy would show it to strangers.
    return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=31536000, immutable"})


def source(known: KnownImages | None) -> Callable[[str], str | None]:
    """Tells where the picture of a known image is, by its file name; None where there is none."""
    digests = {image.file_name: image.sha256 for image in known.images} if known else {}

    def of(file_name: str) -> str | None:
        return f"/photos/{digest}" if (digest := digests.get(file_name)) else None

    return of


def digest(workspace: Workspace) -> str | None:
    """Of all known images together."""
    known = workspace.known_images
    return known.sha256 if known else None


ROUTES = (Route("/photos/{digest}", photo),)
