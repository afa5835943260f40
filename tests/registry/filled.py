"""Years of a registry's life in seconds: versions deployed one after the other, with their logs and steps."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import psycopg

Rows: TypeAlias = psycopg.Connection[tuple[Any, ...]]

SMALL: Final = (10, 1_000)
LARGE: Final = (10_000, 1_000_000)
"""Versions, and rows of performance."""
_FILL: Final = """
    insert into public.model_versions
        (version_name, file_path, revision, training_image_count, accuracy_score, created_at)
      select 'v1.' || n || '.0', 'Bhanura/lepinet-model', lpad(to_hex(n), 40, '0'), 5400, 0.9,
        timestamptz '2026-01-01' + n * interval '1 hour'
      from generate_series(1, {versions}) n;
    insert into public.model_deployments
        (id, environment, kind, version_id, generation, commit_sha, actor, status, begun_at, ended_at)
      select gen_random_uuid(), environment, 'merge', id, 1, 'c', 'asha', 'succeeded', created_at, created_at
      from public.model_versions, unnest(array['staging', 'production']) environment order by created_at;
    insert into public.deployment_events (id, deployment_id, step, text)
      select gen_random_uuid(), id, step, 'it'
      from public.model_deployments, unnest(array['move', 'prove', 'flip']) step;
    insert into public.model_performance_logs
        (model_version_id, environment, kind, test_date, test_accuracy, test_sample_size, details)
      select v.id, 'production', kind, v.created_at + n * interval '1 minute', 0.9, 96,
        '{{"known_images_sha256": "these"}}'
      from public.model_versions v, generate_series(1, {performances} / {versions} / 4) n,
        unnest(array['known-images', 'comparison', 'proof', 'monitor']) kind;
    update public.environments set active_version_id = v.id, activated_at = v.created_at
      from public.model_versions v where v.version_name = 'v1.{versions}.0';
    update public.model_versions set is_active = true where version_name = 'v1.{versions}.0';
    analyze public.model_versions, public.model_deployments, public.deployment_events, public.model_performance_logs;
"""


def fill(owner: Rows, versions: int, performances: int) -> None:
    """Fill an empty registry with the environments staging and production: v1.1.0 and so on, the last one active."""
    owner.execute(_FILL.format(versions=versions, performances=performances).encode())


def names(versions: int, newest: int = 10) -> tuple[str, ...]:
    """The newest ones: ten, as the models.yaml of a team has them that retires what is old."""
    return tuple(f"v1.{number}.0" for number in range(versions - newest + 1, versions + 1))
