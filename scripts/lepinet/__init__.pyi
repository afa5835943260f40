from lepinet.trainer.active import get_active_model, get_active_model_path
from lepinet.trainer.compare import compare_models
from lepinet.trainer.log import log_model_version
from lepinet.trainer.tester import ModelTester

__version__: str
__all__ = [
    "ModelTester",
    "__version__",
    "compare_models",
    "get_active_model",
    "get_active_model_path",
    "log_model_version",
]
