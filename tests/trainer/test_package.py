"""What `import lepinet` gives, and what it costs."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest

import lepinet


def test_the_version_is_the_packages() -> None:
    assert lepinet.__version__ == version("lepinet")


def test_every_name_that_is_offered_can_be_had() -> None:
    for name in dir(lepinet):
        assert getattr(lepinet, name)
    with pytest.raises(AttributeError, match="log_model_versions"):
        lepinet.log_model_versions  # type: ignore[attr-defined]  # noqa: B018  # the test of a name that is not there


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys; before = set(sys.modules); import lepinet; print(*sorted(set(sys.modules) - before))"
    command = [sys.executable, "-I", "-c", code]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

    assert [name for name in loaded if name.partition(".")[0] not in sys.stdlib_module_names] == ["lepinet"]
