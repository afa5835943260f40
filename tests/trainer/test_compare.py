"""The guide's comparison of two models, over the verdict."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from lepinet import compare_models
from lepinet.errors import LepinetError

TESTS = Path(__file__).parents[1]
MODELS = TESTS / "models"
KNOWN_IMAGES = TESTS / "known_images"


SMALL = 60_000
"""Bytes of a photo that is quickly decoded; what a phone takes is larger."""


def photos(*species: str) -> list[tuple[Path, str, str]]:
    """Known images as the guide lists them; of these species, or of all."""
    with (KNOWN_IMAGES / "metadata.csv").open(encoding="utf-8", newline="") as table:
        return [
            (KNOWN_IMAGES / row["file_name"], row["species_id"], row["species_name"])
            for row in csv.DictReader(table)
            if (KNOWN_IMAGES / row["file_name"]).stat().st_size < SMALL
            and (not species or row["species_id"] in species)
        ]


@pytest.mark.usefixtures("bare")
def test_a_model_that_is_clearly_better_is_safe_to_deploy(capsys: pytest.CaptureFixture[str]) -> None:
    assert compare_models(str(MODELS / "v1.0.0"), str(MODELS / "v1.1.0"), photos()) is True

    said = capsys.readouterr().out
    assert f"Old Model: {MODELS / 'v1.0.0'}\n  Accuracy: " in said
    assert "Safe to deploy" in said


@pytest.mark.usefixtures("bare")
def test_a_higher_accuracy_does_not_hide_a_lost_species(capsys: pytest.CaptureFixture[str]) -> None:
    assert compare_models(MODELS / "v1.1.0", MODELS / "v1.2.0", photos()) is False

    said = capsys.readouterr().out
    assert "Improvement: +" in said
    assert "Consider not deploying: Common Jezebel" in said


@pytest.mark.usefixtures("bare")
def test_a_few_photos_show_nothing_in_percent(capsys: pytest.CaptureFixture[str]) -> None:
    assert compare_models(MODELS / "v1.1.0", MODELS / "v1.3.0", photos("001")[:6]) is False

    assert "%" not in capsys.readouterr().out


def test_in_a_repository_the_gates_of_its_models_yaml_hold(bare: Path, capsys: pytest.CaptureFixture[str]) -> None:
    everything_off = "{non_inferiority_margin: null, max_negative_flips: null, max_species_recall_drop: null"
    (bare / ".git").mkdir()
    (bare / "models.yaml").write_text(
        "schema_version: 1\n"
        "environments: {production: {registry: postgres, endpoint: none}}\n"
        f"gates: {everything_off}, min_accuracy: null, min_top3_accuracy: null}}\n"
        "versions: {}\n"
    )

    assert compare_models(MODELS / "v1.1.0", MODELS / "v1.2.0", photos("001", "023")) is True

    assert "Safe to deploy" in capsys.readouterr().out


@pytest.mark.usefixtures("bare")
def test_a_folder_of_known_images_and_a_model_that_is_not_there() -> None:
    with pytest.raises(LepinetError, match="nowhere"):
        compare_models("nowhere", MODELS / "v1.1.0", TESTS / "few_images")
