"""Which packages run a model: told by the kind of its weights."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

from lepinet.errors import UsageError
from lepinet.model_files import ModelFiles


class Runtime(NamedTuple):
    """The packages whose versions decide an answer, and what brings them."""

    packages: tuple[str, ...]
    memory: int
    """Bytes that they hold in each process, beside the model."""
    needed_by: str
    """The beginning of a sentence about one that is missing."""
    install: str

    def versions(self) -> tuple[str, ...]:
        """Each package with its version.

        Raises:
            UsageError: some are not installed.
        """
        found = {package: _version(package) for package in self.packages}
        if missing := [package for package, number in found.items() if number is None]:
            raise UsageError(f"{self.needed_by} {', '.join(missing)}", todo=self.install)
        return tuple(f"{package} {number}" for package, number in found.items())


_ONNX = Runtime(
    packages=("numpy", "onnxruntime", "pillow"),
    memory=64 << 20,
    needed_by="running a model needs",
    install="pip install 'lepinet[evaluate]'",
)
_TRANSFORMERS = Runtime(
    packages=("numpy", "pillow", "safetensors", "torch", "transformers"),
    memory=400 << 20,
    needed_by="running a model that has no ONNX file needs",
    install="pip install 'lepinet[transformers]' --extra-index-url https://download.pytorch.org/whl/cpu (1 GB);"
    " or, where that is installed, give the model an ONNX file: lepinet export",
)


EXPORTING = Runtime(
    packages=(*_TRANSFORMERS.packages, "onnx", "onnxscript"),
    memory=_TRANSFORMERS.memory,
    needed_by="making an ONNX file needs",
    install="pip install 'lepinet[transformers]' --extra-index-url https://download.pytorch.org/whl/cpu (1 GB)",
)


def runtime_of(files: ModelFiles) -> Runtime:
    return _ONNX if files.onnx else _TRANSFORMERS


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
