"""Which packages run a model: told by the kind of its weights."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

from lepinet.errors import UsageError
from lepinet.model_files import ModelFiles

INSTALL_TORCH = "pip install 'lepinet[transformers]' --extra-index-url https://download.pytorch.org/whl/cpu"
"""Without that index pip takes the build for graphics cards, several times as large."""


class Runtime(NamedTuple):
    """The packages whose versions decide an answer, and what brings them."""

    packages: tuple[str, ...]
    memory: int
    """Bytes that they hold in each process, beside the model."""
    needed_by: str
    """The beginning of a sentence about one that is missing; `{}` stands for the model."""
    install: str

    def versions(self, model: str) -> tuple[str, ...]:
        """Each package with its version.

        Args:
            model: what needs them, as the user calls it.

        Raises:
            UsageError: some are not installed.
        """
        found = {package: _version(package) for package in self.packages}
        if missing := [package for package, number in found.items() if number is None]:
            what = f"{self.needed_by.format(model)} {', '.join(missing)}, not installed here"
            raise UsageError(what, todo=self.install)
        return tuple(f"{package} {number}" for package, number in found.items())


_ONNX = Runtime(
    packages=("numpy", "onnxruntime", "pillow"),
    memory=64 << 20,
    needed_by="running {} needs",
    install="pip install 'lepinet[evaluate]'",
)
_TRANSFORMERS = Runtime(
    packages=("numpy", "pillow", "safetensors", "torch", "transformers"),
    memory=400 << 20,
    needed_by="{} has no ONNX file, and running it needs",
    install=f"{INSTALL_TORCH} (1 GB); or register its ONNX file, which lepinet export makes where that is installed",
)


EXPORTING = Runtime(
    packages=(*_TRANSFORMERS.packages, "onnx", "onnxscript"),
    memory=_TRANSFORMERS.memory,
    needed_by="making the ONNX file of {} needs",
    install=f"{INSTALL_TORCH} (1 GB)",
)


def runtime_of(files: ModelFiles) -> Runtime:
    return _ONNX if files.onnx else _TRANSFORMERS


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
