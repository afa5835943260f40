from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lepinet.errors import UsageError
from lepinet.settings import Settings, parse_dotenv, read_settings

_ASK = """
from lepinet.settings import read_settings
settings = read_settings()
print(settings.get("DATABASE_URL"), settings.get("SUPABASE_URL"))
print(settings.places)
print(repr(settings))
"""


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("KEY=value", "value"),
        ("  export KEY = value  ", "value"),
        ("KEY=value # the laptop's", "value"),
        ("KEY=p#ss=w=rd", "p#ss=w=rd"),
        ("KEY='a # b' # comment", "a # b"),
        ('KEY=" spaced "', " spaced "),
        ('KEY="it\'s"', "it's"),
        ("KEY=$HOME/$(touch pwned)`id`", "$HOME/$(touch pwned)`id`"),
        ("KEY=", ""),
        ("KEY=# nothing yet", ""),
        ("KEY=first\r\nKEY=second\r\n", "second"),
        ("# KEY=comment", None),
        ("KEY: value", None),
        ("MONKEY=value", None),
    ],
)
def test_a_line_of_dotenv(line: str, value: str | None) -> None:
    assert parse_dotenv(line).get("KEY") == value


@given(
    st.dictionaries(
        st.from_regex(r"[A-Z_][A-Z0-9_]{0,9}", fullmatch=True), st.text(st.characters(exclude_characters="'\r\n"))
    )
)
def test_any_value_in_quotes_comes_back_as_it_was(values: dict[str, str]) -> None:
    assert parse_dotenv("\n".join(f"{name}='{value}'" for name, value in values.items())) == values


def test_the_environment_goes_before_dotenv_and_that_before_colab() -> None:
    colab = {"A": "colab", "B": "colab", "C": "colab"}
    settings = Settings({"A": "environment", "B": " "}, {"A": "file", "B": "file"}, colab.get)

    assert [settings.get(name) for name in "ABCD"] == ["environment", "file", "colab", None]


def test_an_environments_own_key_goes_before_the_common_one() -> None:
    settings = Settings({"DATABASE_URL": "common"}, {"DATABASE_URL_LIVE_EU": "own"})

    assert settings.get("DATABASE_URL", "live-eu") == "own"
    assert settings.get("DATABASE_URL", "staging") == "common"


def test_a_dotenv_that_is_no_file_is_none(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()

    assert read_settings(tmp_path).dotenv == {}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_dotenv_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").touch(mode=0)

    with pytest.raises(UsageError, match=r"\.env: cannot be read"):
        read_settings(tmp_path)


@pytest.mark.parametrize(
    ("environ", "home"),
    [
        ({"LEPINET_HOME": "/data/lepinet", "XDG_DATA_HOME": "/xdg"}, "/data/lepinet"),
        ({"LEPINET_HOME": "~/models"}, "{user}/models"),
        ({"XDG_DATA_HOME": "/xdg"}, "/xdg/lepinet"),
        ({}, "{user}/.local/share/lepinet"),
    ],
)
def test_where_this_machine_keeps_its_data(environ: dict[str, str], home: str) -> None:
    assert Settings(environ).home == Path(home.format(user=Path("~").expanduser()))


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        ("return {'DATABASE_URL': 'postgresql://colab/db'}[key]", "postgresql://colab/db None"),
        ("raise RuntimeError('no notebook')", "None None"),
    ],
)
def test_colabs_secrets_are_asked_where_colab_is(tmp_path: Path, answer: str, seen: str) -> None:
    package = tmp_path / "google" / "colab"
    package.mkdir(parents=True)
    (package / "userdata.py").write_text(f"def get(key):\n    {answer}\n")
    (tmp_path / ".env").write_text("OTHER='hidden-value'\n")

    done = subprocess.run(
        [sys.executable, "-c", _ASK],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.splitlines()[0] == seen
    assert "Notebook access" in done.stdout
    assert "hidden-value" not in done.stdout
