"""What docs/serving.md says of the server, held against the server."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import playwright
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from lepinet.serving.live import AT_MOST, TOGETHER
from lepinet.serving.photo import ALL_PHOTOS, LARGEST_PHOTO
from lepinet.serving.refusal import STATUS, ErrorKind
from serving.local_environment import TESTS, LocalEnvironment

PAGE = (TESTS.parent / "docs" / "serving.md").read_text()
NODE = Path(playwright.__file__).parent / "driver" / "node"
"""Playwright brings one that takes TypeScript as it is; a machine's own may be older."""
ASKING = """
import { openAsBlob } from "node:fs";
const server = process.argv[2];
console.log(JSON.stringify([
  await predict(server, await openAsBlob("photo.jpg")),
  await predict(server, new Blob(["no photo"])).catch(String),
  await model(server),
  await model(server),
]));
"""


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its head."""
    below = PAGE.split(f"\n## {heading}\n")[1]
    (table, *_) = re.findall(r"(?:^\|.*\n)+", below, re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def measured(running: LocalEnvironment, photo: bytes) -> list[Metric]:
    """What Prometheus is told once a photo was answered and another one was not."""
    running.predict(photo)
    running.predict(b"no photo")
    return list(text_string_to_metric_families(running.get("/metrics").text))


def test_the_commands_of_a_terminal_do_what_the_page_says(
    running: LocalEnvironment, photos: list[bytes], tmp_path: Path
) -> None:
    (commands,) = re.findall(r"## From a terminal\n\n```bash\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "photo.jpg").write_bytes(photos[0])
    script = re.sub("^URL=.*$", f"URL={running.url}", commands, flags=re.MULTILINE)
    environ = os.environ | {"NO_PROXY": "*"}
    ran = subprocess.run(["bash", "-eu", "-c", script], cwd=tmp_path, env=environ, capture_output=True, check=True)
    answer, status = ran.stdout.decode().rsplit("}", 1)
    assert json.loads(answer + "}") == running.predict(photos[0]).json()
    assert status.strip() == "304"
    assert json.loads((tmp_path / "model.json").read_text()) == running.get("/model").json()


def test_the_typescript_does_what_the_page_says(running: LocalEnvironment, photos: list[bytes], tmp_path: Path) -> None:
    (example,) = re.findall(r"```ts\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "photo.jpg").write_bytes(photos[0])
    (tmp_path / "example.mts").write_text(example + ASKING)
    ran = subprocess.run([NODE, "example.mts", running.url], cwd=tmp_path, capture_output=True, check=True, timeout=60)
    answered, refused, *models = json.loads(ran.stdout)
    assert answered == running.predict(photos[0]).json()
    assert re.fullmatch(r"Error: .* \([0-9a-f-]+\)", refused)
    assert models == 2 * [running.get("/model").json()]


def test_what_the_page_shows_of_the_model_is_what_the_server_says(running: LocalEnvironment) -> None:
    (shown,) = re.findall(r"What `/model` says:\n\n```json\n(.*?)```", PAGE, re.DOTALL)
    told, model = json.loads(shown), running.get("/model").json()
    of_the_day = {"revision": model["revision"], "generation": model["generation"]}
    assert told | of_the_day == model
    assert list(told) == list(model)
    fields = running.get("/openapi.json").json()["components"]["schemas"]
    for name, schema in {"Model": "ServedModel", "Pending": "Pending", "PhotoLimits": "PhotoLimits"}.items():
        (typed,) = re.findall(rf"^type {name} = {{(.*?)}};$", PAGE, re.DOTALL | re.MULTILINE)
        assert set(re.findall(r"(\w+):", typed)) == fields[schema]["properties"].keys()


def test_every_address_is_on_the_page(running: LocalEnvironment) -> None:
    (table,) = re.findall(r"\| address .*\n(?:^\|.*\n)+", PAGE, re.MULTILINE)
    told = set(re.findall(r"^\| `(GET|POST) (\S+)`", table, re.MULTILINE))
    document = running.get("/openapi.json").json()["paths"]
    assert told == {(method.upper(), path) for path, methods in document.items() for method in methods}


def test_every_kind_of_error_is_on_the_page_with_its_status() -> None:
    told: dict[str, int] = {}
    for kinds, statuses, *_ in rows("When there is no answer"):
        told |= dict(zip(re.findall("`(.*?)`", kinds), map(int, statuses.split(", ")), strict=True))
    assert told == {kind: STATUS[kind] for kind in ErrorKind if kind is not ErrorKind.HUNG_UP}


def test_every_metric_is_on_the_page(running: LocalEnvironment, photos: list[bytes]) -> None:
    told = {re.sub("_total$", "", row[0].strip("`").partition("{")[0]) for row in rows("Metrics")}
    assert told == {family.name for family in measured(running, photos[0])}


def test_the_alarms_on_the_page_ask_for_what_is_measured(running: LocalEnvironment, photos: list[bytes]) -> None:
    (alarms,) = re.findall(r"```yaml\n(groups:.*?)```", PAGE, re.DOTALL)
    there = {sample.name for family in measured(running, photos[0]) for sample in family.samples}
    assert set(re.findall(r"lepinet_\w+", alarms)) <= there


def test_the_limits_on_the_page_are_the_servers() -> None:
    told = " ".join(cell for row in rows("Limits") for cell in row)
    assert f"one photo {LARGEST_PHOTO >> 20} MiB" in told
    assert f"wait for the model {AT_MOST};" in told
    assert f"{ALL_PHOTOS >> 20} MiB together" in told
    assert f"answered together {TOGETHER}," in told
