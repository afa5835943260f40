"""Known images: photos whose species is certain, and the list of species they are chosen from."""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path

from lepinet.errors import LepinetError, RefusedError, UsageError
from lepinet.evaluation.labels import Species, SpeciesNames
from lepinet.evaluation.spread import cores
from lepinet.files import inside, open_regular, read_small

_CHUNK = 1 << 20
_TOGETHER = 64
"""Photos that a thread takes at once."""
METADATA = "metadata.csv"
"""The list of photos in their folder."""
OLD_COLUMNS = {"image_path": "file_name", "expected_species_id": "species_id", "expected_name": "species_name"}
"""The old guide's names for the columns of metadata.csv."""
PHOTOS = frozenset({".avif", ".bmp", ".gif", ".heic", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
"""Suffixes of files that are taken for photos."""
_NO_PHOTOS = frozenset({".csv", ".db", ".html", ".ini", ".json", ".jsonl", ".md", ".txt", ".yaml", ".yml"})


@dataclass(frozen=True, slots=True)
class KnownImage:
    """One photo with the truth about it."""

    file_name: str
    """Relative to the folder, `/` between parts; what reports call it."""
    path: Path
    """The real file, links followed. Only to be read when there is no problem."""
    expected_id: str
    expected_name: str
    sha256: str | None
    """Of its bytes; None when it could not be read."""
    problem: str | None = None
    """Why it cannot be read; such an image counts as wrong."""


@dataclass(frozen=True)
class KnownImages:
    """All photos of one set, in the order of their list or of their names."""

    folder: Path | None
    """None for a list of photos from anywhere."""
    images: tuple[KnownImage, ...]
    sha256: str
    """Over the sorted (file name, digest of the content, species id) of all of them, readable or not."""

    def __len__(self) -> int:
        return len(self.images)

    def sample(self, most: int) -> KnownImages:
        """At most so many of the readable ones, each species with its share of them; always the same photos."""
        if len(self) <= most:
            return self
        by_species: dict[str, list[KnownImage]] = {}
        for image in sorted((image for image in self.images if image.sha256), key=lambda image: image.sha256 or ""):
            by_species.setdefault(image.expected_id, []).append(image)
        # The first of each species comes before all second ones; from then on each species comes in even steps.
        order = sorted(
            (place > 0, (place + 0.5) / len(images), image.sha256 or "", image.file_name)
            for images in by_species.values()
            for place, image in enumerate(images)
        )
        chosen = {file_name for *_, file_name in order[:most]}
        return self.among(chosen)

    def among(self, file_names: Collection[str]) -> KnownImages:
        """Some of the images, as a set of their own."""
        return _gathered(self.folder, tuple(image for image in self.images if image.file_name in file_names))

    def unlisted(self) -> tuple[str, ...]:
        """Files of the folder that look like photos and belong to no species: in no line of the list, in no folder."""
        if self.folder is None:
            return ()
        listed = {os.path.normpath(image.file_name) for image in self.images}
        found = []
        for where, folders, files in os.walk(self.folder):
            folders[:] = [folder for folder in folders if not folder.startswith(".")]
            below = os.path.relpath(where, self.folder)
            prefix = "" if below == "." else f"{below.replace(os.sep, '/')}/"
            photos = (file for file in files if os.path.splitext(file)[1].lower() in PHOTOS)  # noqa: PTH122 -- faster
            found += [name for file in photos if (name := prefix + file) not in listed and not file.startswith(".")]
        return tuple(sorted(found))

    def species(self) -> tuple[Species, ...]:
        """The species on these photos, sorted by id."""
        names = {image.expected_id: image.expected_name for image in self.images}
        return tuple(Species(id=id_, name=name) for id_, name in sorted(names.items()))


@dataclass(frozen=True, slots=True)
class ListedPhoto:
    """One photo as a list names it, not yet looked at."""

    file_name: str
    species_id: str
    species_name: str


def read_species(path: Path) -> tuple[Species, ...]:
    """The list of species: a CSV file with species_id (text: 001 stays 001), species_name, scientific_name.

    Raises:
        RefusedError: there is no such file, or a line is not understood, with file and line.
    """
    found: dict[str, Species] = {}
    for line, row in _table(read_small(path), str(path), needed=("species_id", "species_name")):
        species = Species(row["species_id"], row["species_name"], row.get("scientific_name") or None)
        if not species.id or not species.name:
            raise RefusedError("species_id and species_name may not be empty", where=f"{path}:{line}")
        if species.id in found:
            raise RefusedError(f"species_id {species.id} is there twice", where=f"{path}:{line}")
        found[species.id] = species
    if not found:
        raise RefusedError("lists no species", where=str(path))
    return tuple(found.values())


def read_known_images(path: Path, species: Sequence[Species] = ()) -> KnownImages:
    """Read a set of known images.

    Args:
        path: a folder with metadata.csv (file_name, species_id, species_name); or a folder with a folder for each
            species, called by its id or name; or such a CSV file itself, also with the old guide's columns
            (image_path, expected_species_id, expected_name), its files relative to it.
        species: the list of species; when it is given, every photo must be of one of them.

    Raises:
        UsageError: there is nothing at this path.
        RefusedError: a line or a folder that is not understood, with its place. A photo that cannot be read is no
            error: it is among the images, with its problem.
    """
    names = SpeciesNames(species)
    if path.is_dir():
        metadata = path / METADATA
        rows = (
            read_list(read_small(metadata), str(metadata), names)
            if os.path.lexists(metadata)
            else _foldered(path, names)
        )
        return _look(path, rows)
    if not path.exists():
        raise UsageError("there is no such folder", where=str(path), todo="Give the folder with the known images.")
    return _look(path.parent, read_list(read_small(path), str(path), names))


def read_list(content: bytes, where: str, names: SpeciesNames) -> list[ListedPhoto]:
    """The photos that a CSV file lists; arguments and errors as of `read_known_images`.

    Args:
        content: of the file.
        where: it is, for errors.
        names: of the list of species.
    """
    rows: dict[str, ListedPhoto] = {}
    for line, cells in _table(content, where, needed=("file_name", "species_id")):
        place = f"{where}:{line}"
        name, id_ = cells["file_name"], cells["species_id"]
        if not name or not id_:
            raise RefusedError("file_name and species_id may not be empty", where=place)
        if name in rows:
            raise RefusedError(f"{name} is there twice", where=place)
        known = names.by_id(id_)
        if known is None and names:
            raise RefusedError(f"species_id {id_} is not in the list of species", where=place)
        rows[name] = ListedPhoto(name, id_, known.name if known else cells.get("species_name") or id_)
    return list(rows.values())


def is_foldered_photo(file_name: str) -> bool:
    """Whether a file is a known image where each species has a folder, and nothing lists the photos.

    Args:
        file_name: relative to the folder of all of them, `/` between parts.
    """
    parts = file_name.split("/")
    hidden = any(part.startswith(".") for part in parts)
    suffix = os.path.splitext(file_name)[1].lower()  # noqa: PTH122 -- faster
    return len(parts) == 2 and not hidden and suffix not in _NO_PHOTOS


def known_images(cases: Iterable[tuple[str | Path, str, str]]) -> KnownImages:
    """The old guide's list of (image_path, expected_species_id, expected_name); the photos may lie anywhere."""
    return _look(None, [ListedPhoto(str(path), id_, name) for path, id_, name in cases])


def digest_of_images(images: Iterable[tuple[str, str | None, str]]) -> str:
    """Over the sorted (file name, digest of the content, species id) of known images."""
    digest = hashlib.sha256()
    for name, content, species_id in sorted((name, content or "", species_id) for name, content, species_id in images):
        digest.update(f"{name}\0{content}\0{species_id}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _foldered(path: Path, names: SpeciesNames) -> list[ListedPhoto]:
    rows: list[ListedPhoto] = []
    for folder in (entry for entry in _entries(path) if entry.is_dir()):
        known = names.find(folder.name)
        if known is None and names:
            raise RefusedError("the folder is named like no species of the list, by id or by name", where=str(folder))
        species = known or Species(folder.name, folder.name)
        rows += [
            ListedPhoto(f"{folder.name}/{photo.name}", species.id, species.name)
            for photo in _entries(folder)
            if is_foldered_photo(f"{folder.name}/{photo.name}")
        ]
    if not rows:
        raise RefusedError(
            f"holds neither {METADATA} nor a folder of photos for each species",
            where=str(path),
            todo=f"Write {METADATA} with the columns file_name, species_id, species_name.",
        )
    return rows


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise UsageError(f"cannot be listed: {error.strerror}", where=str(folder)) from None


def _table(content: bytes, where: str, needed: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Lines of a CSV file with a header: line number and cells, without the space around them."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RefusedError(f"is not UTF-8: {error}", where=where) from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [OLD_COLUMNS.get(name.strip(), name.strip()) for name in next(reader, [])]
        missing = [name for name in needed if name not in header]
        if missing:
            raise RefusedError(f"should begin with a line of column names, among them {missing[0]}", where=f"{where}:1")
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(header):
                raise RefusedError(f"{len(cells)} columns instead of {len(header)}", where=f"{where}:{reader.line_num}")
            yield reader.line_num, dict(zip(header, (cell.strip() for cell in cells), strict=True))
    except csv.Error as error:
        raise RefusedError(f"is not CSV: {error}", where=f"{where}:{reader.line_num}") from None


def _look(folder: Path | None, rows: Sequence[ListedPhoto]) -> KnownImages:
    """Find and digest every photo, on all cores: hashing lets other threads run."""
    find = _finder(folder)
    some = [rows[start : start + _TOGETHER] for start in range(0, len(rows), _TOGETHER)]
    with ThreadPoolExecutor(cores()) as pool:
        images = tuple(chain.from_iterable(pool.map(lambda part: [_look_at(find, row) for row in part], some)))
    return _gathered(folder, images)


def _gathered(folder: Path | None, images: tuple[KnownImage, ...]) -> KnownImages:
    keys = ((image.file_name, image.sha256, image.expected_id) for image in images)
    return KnownImages(folder, images, digest_of_images(keys))


def _look_at(find: Callable[[str], Path], row: ListedPhoto) -> KnownImage:
    path = Path(row.file_name)
    sha256 = problem = None
    try:
        path = find(row.file_name)
        sha256 = _sha256(path)
    except LepinetError as error:
        problem = error.what
    return KnownImage(row.file_name, path, row.species_id, row.species_name, sha256, problem)


def _finder(folder: Path | None) -> Callable[[str], Path]:
    """Gives the real path of a photo by its name, or refuses one that leads out of the folder."""
    if folder is None:
        return _anywhere
    root = Path(os.path.realpath(folder))

    @cache
    def subfolder(name: str) -> Path:
        return inside(root, name) if name else root

    def find(name: str) -> Path:
        # Asking about every part of every path would take longer than hashing a small photo.
        parent, _, last = name.rpartition("/")
        if name.startswith("/") or last in {"", ".", ".."}:
            return inside(root, name)
        path = subfolder(parent) / last
        # Unlike the path's own method, this takes any name: what is wrong with it shows when it is opened.
        return inside(root, name) if os.path.islink(path) else path  # noqa: PTH114 - see above

    return find


def _anywhere(name: str) -> Path:
    try:
        return Path(os.path.realpath(name))
    except (OSError, ValueError) as error:
        raise RefusedError(f"is no usable file name ({error})", where=name) from None


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open_regular(path) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
