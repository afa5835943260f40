"""LepiNet ships image classifiers by git; trainers and test scripts import their few functions from here."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"
__all__ = [
    "ModelTester",
    "__version__",
    "compare_models",
    "get_active_model",
    "get_active_model_path",
    "log_model_version",
]

# Types stand in __init__.pyi. Each module is imported at the first use of its name: the command line imports this
# package too, and a trainer needs no model runtime.
_MODULES = {
    "ModelTester": "lepinet.trainer.tester",
    "compare_models": "lepinet.trainer.compare",
    "get_active_model": "lepinet.trainer.active",
    "get_active_model_path": "lepinet.trainer.active",
    "log_model_version": "lepinet.trainer.log",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
