"""Files: those that somebody else wrote read without following links or waiting on pipes, ours written whole."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from lepinet.errors import RefusedError

_SMALL = 16 << 20

# Windows has none of the three and needs its own: there are no FIFOs, and no descriptor is inherited.
_READING = os.O_RDONLY
for _flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):
    _READING |= getattr(os, _flag, 0)

_REASONS = {
    errno.ENOENT: "there is no such file",
    errno.ENOTDIR: "there is no such file",
    errno.ELOOP: "is a link",
    errno.EACCES: "may not be read",
    errno.ENXIO: "is not a file",
    errno.ENAMETOOLONG: "has a name that is too long",
}


def remedy(error: OSError) -> str:
    """What to do about a file or folder that the system does not let us use."""
    full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    return "make room on that disk" if full else "is it there, and may you use it?"


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading, unbuffered.

    Opening never waits (a FIFO would) and does not follow a link in the last part of the path.

    Raises:
        RefusedError: there is no such file, it may not be read, or it is a link, a folder, a pipe or a device.
    """
    try:
        descriptor = os.open(path, _READING)
    except (OSError, ValueError) as error:
        number = error.errno if isinstance(error, OSError) else None
        raise RefusedError(_REASONS.get(number or 0, f"cannot be opened ({error})"), where=str(path)) from None
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb", buffering=0)
    os.close(descriptor)
    raise RefusedError("is a folder" if stat.S_ISDIR(mode) else "is a pipe or a device", where=str(path))


def inside(folder: Path, name: str) -> Path:
    """The real path of `name` in `folder`, links followed; the file itself need not exist.

    Raises:
        RefusedError: the name leads out of the folder, by `..`, by an absolute path or by a link.
    """
    root = os.path.realpath(folder)
    try:
        path = os.path.realpath(Path(root, name))
    except (OSError, ValueError) as error:
        raise RefusedError(f"is no usable file name ({error})", where=name) from None
    if not path.startswith(root.rstrip(os.sep) + os.sep):
        raise RefusedError(f"leads out of {folder}", where=name)
    return Path(path)


def read_small(path: Path, at_most: int = _SMALL) -> bytes:
    """All bytes of a regular file that should be small, such as a model's configuration.

    Raises:
        RefusedError: as `open_regular`, or the file has more than `at_most` bytes.
    """
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size > at_most:
            raise RefusedError(f"is larger than {at_most >> 20} MiB", where=str(path))
        return file.read()


def replace_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; one that is there keeps its mode."""
    beside = Path(f"{path}.lepinet-{os.getpid()}")
    try:
        beside.write_bytes(content)
        with suppress(FileNotFoundError):
            beside.chmod(path.stat().st_mode)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
