"""Two models side by side before a deployment, as test scripts have always called it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from lepinet.evaluation.answers import Answers, ModelIdentity
from lepinet.evaluation.cases import KnownImages, known_images, read_known_images
from lepinet.evaluation.gates import Decision, Verdict
from lepinet.evaluation.gates.judge import judge
from lepinet.evaluation.gates.terms import Terms
from lepinet.evaluation.metrics import measure
from lepinet.evaluation.photos import Look
from lepinet.evaluation.photos.looking import look_at
from lepinet.evaluation.run import answers_of_folder
from lepinet.manifest.model import Gates
from lepinet.trainer.place import manifest_here
from lepinet.trainer.say import say

_RULE = "=" * 60
_SMOKE_TEST = 20
"""Fewer photos than this make no figure in percent."""
_ADVICE = {
    Decision.PROMOTE: "✅ Safe to deploy",
    Decision.UNDECIDED: "⚠️  Not shown to be safe",
    Decision.HOLD: "❌ Consider not deploying",
}


def compare_models(
    old_model_path: str | os.PathLike[str],
    new_model_path: str | os.PathLike[str],
    test_dataset: str | os.PathLike[str] | Iterable[tuple[str | Path, str, str]],
) -> bool:
    """Whether the new model is shown to be fit to take the old one's place; prints both, and why.

    A higher accuracy alone shows nothing: the gates decide, those of the models.yaml around, else the defaults.

    Args:
        old_model_path: folder of the model that serves now.
        new_model_path: folder of the one to take its place.
        test_dataset: folder with known images (metadata.csv, or a folder for each species), or a list of (image_path,
            expected_species_id, expected_name).

    Raises:
        LepinetError: a model or the known images cannot be read, or the packages that run a model are missing.
    """
    known = _known(test_dataset)
    say("Loading models...", sys.stdout)
    looks = look_at({image.sha256: image.path for image in known.images if image.sha256})
    old, new = (_answers(Path(path), known, looks) for path in (old_model_path, new_model_path))
    here = manifest_here()
    verdict = judge(old, new, Terms(here.manifest.gates if here else Gates()))
    say(_shown(old, new, verdict), sys.stdout)
    return verdict.answer is Decision.PROMOTE


def _known(dataset: str | os.PathLike[str] | Iterable[tuple[str | Path, str, str]]) -> KnownImages:
    if isinstance(dataset, str | os.PathLike):
        return read_known_images(Path(dataset))
    return known_images(dataset)


def _answers(folder: Path, known: KnownImages, looks: Mapping[str, Look]) -> Answers:
    return answers_of_folder(folder, ModelIdentity(name=str(folder)), known, looks=looks)


def _shown(old: Answers, new: Answers, verdict: Verdict) -> str:
    old_figures, new_figures = measure(old), measure(new)
    size = old_figures.sample_size
    lines = ["", _RULE, "Model Comparison Results", _RULE]
    for title, answers, figures in (("Old", old, old_figures), ("New", new, new_figures)):
        lines += [
            f"{title} Model: {answers.model.name}",
            f"  Accuracy: {_of(figures.correct, size)}",
            f"  Top-3 Accuracy: {_of(figures.correct_in_top3 or 0, size)}",
            "",
        ]
    lines += [f"Improvement: {new_figures.correct - old_figures.correct:+} of {size} photos", _RULE, ""]
    return "\n".join([*lines, f"{_ADVICE[verdict.answer]}: {verdict.sentence}"])


def _of(count: int, size: int) -> str:
    return f"{count} of {size}" + (f" ({count / size:.2%})" if size >= _SMOKE_TEST else "")
