"""Read by schemathesis: the files that it sends are no photos, whatever they are called."""

from __future__ import annotations

import io
import zipfile

import schemathesis
from hypothesis import strategies as st

from evaluation.photo_files import bomb, drawing, half, saved


def archive() -> bytes:
    """A megabyte of zeros in a kilobyte."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("photo.jpg", bytes(1 << 20))
    return buffer.getvalue()


FILES = (
    b"",
    b"#!/bin/sh\necho butterfly\n",
    b"<script>alert(1)</script>",
    b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    b"GIF89a" + bytes(100),
    b"\xff\xd8\xff\xe0" + bytes(100),
    bomb(),
    archive(),
    half(saved(drawing())),
    saved(drawing()).replace(b"JFIF", b"\r\n--"),
)
schemathesis.openapi.media_type("image/jpeg", st.one_of(st.sampled_from(FILES), st.binary(max_size=1000)))
