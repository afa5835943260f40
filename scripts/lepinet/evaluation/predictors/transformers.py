"""Weights in safetensors, run by transformers and torch; in the model's process only.

Nothing but the two files that it is given is read, and classes come from the library alone: no way leads from here to
code of a model's repository (`trust_remote_code` belongs to loaders of folders, which are not used).
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Read when they are imported: nothing is asked of the Hub, a thread that waits burns no core, and places for files are
# named, where they would look for some: this process may write none.
os.environ.update(HF_HUB_OFFLINE="1", OMP_WAIT_POLICY="passive", TORCHINDUCTOR_CACHE_DIR=os.sep)
tempfile.tempdir = os.devnull

import torch  # noqa: E402 -- as above
from safetensors.torch import load  # noqa: E402
from transformers import (  # noqa: E402
    MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING,
    AutoConfig,
    PretrainedConfig,
    PreTrainedModel,
)

from lepinet.errors import RefusedError  # noqa: E402
from lepinet.evaluation.predictors.network import short  # noqa: E402
from lepinet.files import open_regular  # noqa: E402
from lepinet.model_files import read_json_object  # noqa: E402

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SHOWN = 3


class TransformersNetwork:
    """A classifier of the library, with all of its weights from the file."""

    one_at_a_time = False

    def __init__(self, config: Path, weights: Path, threads: int) -> None:
        """Load it.

        Raises:
            RefusedError: the library has no such classifier, or the file is not its weights.
        """
        torch.set_num_threads(threads)
        self.module = _loaded(config, weights)

    def logits(self, photos: NDArray[np.float32]) -> NDArray[Any]:
        with torch.inference_mode():
            logits: NDArray[Any] = self.module(pixel_values=torch.from_numpy(photos)).logits.numpy()
        return logits


def _loaded(file: Path, weights: Path) -> PreTrainedModel:
    with open_regular(weights) as opened:
        data = opened.read()
    try:
        config = AutoConfig.for_model(**read_json_object(file))
        model, loading = _classifier(config).from_pretrained(
            None,
            config=config,
            state_dict=load(data),
            dtype=torch.float32,
            # A configuration may name another one, which transformers would fetch.
            attn_implementation="eager",
            output_loading_info=True,
        )
    except RefusedError:
        raise
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - libraries that read a stranger's files raise all kinds
        raise RefusedError(f"transformers cannot load it: {short(error)}") from None
    if missing := sorted(loading["missing_keys"]):
        more = ", …" if len(missing) > _SHOWN else ""
        raise RefusedError(f"model.safetensors lacks weights of it: {', '.join(missing[:_SHOWN])}{more}")
    return model.eval()


def _classifier(config: PretrainedConfig) -> type[PreTrainedModel]:
    """The library's class for it, as its own pipeline chooses."""
    known = MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING
    if type(config) not in known:
        raise RefusedError(f"transformers has no classifier of images of the kind {config.model_type!r}")
    found = known[type(config)]
    if not isinstance(found, tuple):
        return found  # type: ignore[no-any-return]  # the library's types end here
    named = (one for one in found if one.__name__ in (config.architectures or ()))
    return next(named, found[0])  # type: ignore[no-any-return]  # as above
