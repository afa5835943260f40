from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lepinet.manifest.first import first
from lepinet.manifest.load import load
from lepinet.manifest.model import (
    EndpointSettings,
    Environment,
    Gates,
    LocalEndpointSettings,
    Manifest,
    ModelVersion,
    NoEndpointSettings,
    Override,
    RegistrySettings,
)
from lepinet.manifest.problems import ManifestError

VISIBLE = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=20)
NAMES = st.one_of(st.just("v1.0.0"), st.lists(VISIBLE, min_size=1, max_size=3).map(" ".join))
SHARES = st.decimals(0, 1, places=3)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    name = draw(NAMES)
    version = ModelVersion(
        file_path="Bhanura/lepinet",
        revision="a" * 40,
        accuracy_score=draw(st.none() | SHARES.map(float)),
        notes=draw(st.none() | st.text(st.characters(categories=("L", "P", "Zs")), max_size=40).map("{}!".format)),
        legacy=name != "v1.0.0",
        revision_guessed=draw(st.booleans()),
    )
    active = draw(st.sampled_from([None, name]))
    reason = draw(VISIBLE)
    endpoints: list[EndpointSettings] = [
        NoEndpointSettings(kind="none"),
        LocalEndpointSettings(kind="local", port=80),
    ]
    environment = Environment(
        active=active,
        registry=draw(
            st.sampled_from(
                [RegistrySettings(kind="postgres"), RegistrySettings(kind="supabase", url="https://x.supabase.co")]
            )
        ),
        endpoint=draw(st.sampled_from(endpoints)),
        override=Override(version=active, reason=reason) if active and draw(st.booleans()) else None,
    )
    gates = Gates(min_accuracy=draw(st.none() | SHARES), allow_code=draw(st.booleans()))
    # Old names pass only with the whole file around them.
    return Manifest.model_construct(
        schema_version=1, environments={"production": environment}, gates=gates, versions={name: version}
    )


@given(manifests(), st.dictionaries(st.sampled_from(list(Gates.model_fields)), st.text()))
def test_what_is_written_says_what_was_meant(manifest: Manifest, reasons: dict[str, str]) -> None:
    assert load(first(manifest, reasons)) == manifest


def test_defaults_are_left_out_and_reasons_stand_above_their_limits() -> None:
    manifest = Manifest(
        schema_version=1,
        environments={
            "production": Environment(
                registry=RegistrySettings(kind="embedded"), endpoint=NoEndpointSettings(kind="none")
            )
        },
        gates=Gates(min_accuracy=Decimal("0.80"), min_top3_accuracy=None),
        versions={},
    )
    assert first(manifest, {"min_accuracy": "as good as\nlast year"}).decode().partition("schema_version: 1\n")[2] == (
        "known_images: tests/known_images\n"
        "environments: # in promotion order\n"
        "  production:\n"
        "    registry: embedded\n"
        "    endpoint: none\n"
        "gates:\n"
        "  # as good as last year\n"
        "  min_accuracy: 0.80\n"
        "  min_top3_accuracy: null\n"
        "versions: {}\n"
    )


def test_what_no_file_may_say_is_not_written() -> None:
    environment = Environment(
        active="v1.0.0", registry=RegistrySettings(kind="embedded"), endpoint=NoEndpointSettings(kind="none")
    )
    with pytest.raises(ManifestError, match="no version has that name"):
        first(Manifest.model_construct(schema_version=1, environments={"production": environment}, versions={}), {})
