from __future__ import annotations

import pytest

SMALLEST = """\
schema_version: 1
environments:
  production:
    active: v1.0.0
    registry: embedded
    endpoint: {kind: local}
versions:
  v1.0.0:
    file_path: tests/models/v1.0.0
    revision: sha256:0f5c21a00f5c21a00f5c21a00f5c21a00f5c21a00f5c21a00f5c21a00f5c21a0
"""

FULLEST = """\
# yaml-language-server: $schema=./models.schema.json
schema_version: 1
known_images: photos/known   # the ones that Asha took
species: species.csv

environments:
  # where everything is tried first
  staging:
    active: v1.1.0
    registry: embedded
    endpoint: {kind: local, port: 8001}
  production:
    active: v1.0.0       # the champion
    registry: {kind: postgres}
    endpoint:
      kind: local
      port: 8002
    override: {version: v1.0.0, reason: "Season opens tomorrow; decided with Bhanura"}
    frozen: field week until 30 November
  phones:
    active:
    registry: {kind: supabase, url: "https://abcdefghijklmnopqrst.supabase.co"}
    endpoint: none
gates:
  non_inferiority_margin: 0.05
  confidence: 0.90
  when_undecided: block
  min_accuracy: 0.75
  min_top3_accuracy: null   # off
  max_negative_flips: 0.10
  max_species_recall_drop: 0.25
retention: {min_versions: 2, min_age_days: 14}
versions:
  v1.0.0:
    file_path: Bhanura/lepinet-model
    revision: 0f5c21a00f5c21a00f5c21a00f5c21a00f5c21a0
  v1.1.0:
    file_path: tests/models/v1.1.0
    revision: "sha256:0f5c21a00f5c21a00f5c21a00f5c21a00f5c21a00f5c21a00f5c21a00f5c21a0"
    training_image_count: 5400
    accuracy_score: 0.9234
    created_at: 2026-11-20T10:00:00Z
    notes: 1,200 more wet-season photos; same architecture
    links: {run: "https://example.org/runs/41"}
    # the photos of this run are on the blue disk
"""


@pytest.fixture(scope="session")
def smallest() -> str:
    return SMALLEST


@pytest.fixture(scope="session")
def fullest() -> str:
    return FULLEST
