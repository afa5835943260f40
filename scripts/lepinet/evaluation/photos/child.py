"""The process that looks at photos."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from lepinet.errors import RefusedError
from lepinet.evaluation.confined import inside
from lepinet.evaluation.confined.wire import Ready, read_request, send
from lepinet.evaluation.photos.wire import Kind, Work, read_work, send_answer

_LOADING = 10
"""Seconds of processor time to import Pillow and NumPy."""


def main() -> None:
    """Do the parent's work with every photo that it names, until it hangs up."""
    connection, reader = inside.connect()
    work = read_work(reader)
    inside.limit(inside.MEMORY, _LOADING)
    do = _begin(work)
    send(connection, Ready())
    while images := read_request(reader):
        for image in inside.timed(images, work.seconds):
            send_answer(connection, _done(do, image))


def _begin(work: Work) -> Callable[[Path | bytes], bytes]:
    from lepinet.evaluation.images import limit_decoding  # noqa: PLC0415 - Pillow and NumPy, only under the limits
    from lepinet.evaluation.photos import work as doing  # noqa: PLC0415 - as above

    limit_decoding()
    kinds: dict[Kind, Callable[[Path | bytes], bytes]] = {
        Kind.LOOK: doing.look,
        Kind.THUMBNAIL: partial(doing.thumbnail, edge=work.edge),
        Kind.CLEAN: doing.cleaned,
    }
    return kinds[work.kind]


def _done(do: Callable[[Path | bytes], bytes], image: Path | bytes) -> bytes | str:
    try:
        return do(image)
    except RefusedError as error:
        return error.what


if __name__ == "__main__":
    main()
