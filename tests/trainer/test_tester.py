"""The guide's test script, against a live endpoint."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, ClassVar, TypeAlias

import pytest

from lepinet import ModelTester
from lepinet.errors import UsageError
from loopback import running

Script: TypeAlias = Callable[..., "CompletedProcess[str]"]

# The calling code of the guide that the team was given years ago; only the URL is another.
TEST_MODEL = """
import json, os
from datetime import datetime
from lepinet import ModelTester

if __name__ == "__main__":
    tester = ModelTester(os.environ["ENDPOINT"])

    tester.add_test_case(
        "test_images/common_mormon.jpg",
        "001",  # butterfly_id
        "Common Mormon"
    )
    tester.add_test_case(
        "test_images/blue_tiger.jpg",
        "045",
        "Blue Tiger"
    )
    tester.add_test_case(
        "test_images/common_jezebel.jpg",
        "023",
        "Common Jezebel"
    )

    results, accuracy = tester.run_tests()

    with open('test_results.json', 'w') as f:
        json.dump({
            "accuracy": accuracy,
            "results": results,
            "timestamp": datetime.now().isoformat()
        }, f, indent=2)
"""


class Endpoint(BaseHTTPRequestHandler):
    """Answers by the photo's file name; what it does not know is no photo to it."""

    ANSWERS: ClassVar[dict[str, dict[str, object]]] = {
        "common_mormon.jpg": {"predicted_id": "001", "predicted_name": "Common Mormon", "confidence": 0.91},
        "blue_tiger.jpg": {"predicted_id": "046", "predicted_name": "Glassy Tiger", "confidence": 0.64},
    }

    def do_POST(self) -> None:  # http.server calls it so
        body = self.rfile.read(int(self.headers["Content-Length"]))
        photo = re.search(rb'name="image"; filename="([^"]+)"', body)
        answer = self.ANSWERS.get(photo[1].decode() if photo else "")
        self.send_response(200 if answer else 415)
        self.end_headers()
        self.wfile.write(json.dumps(answer or {"error": "this is no photo"}).encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with running(ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)) as server:
        yield f"http://127.0.0.1:{server.server_address[1]}/predict"


@pytest.fixture
def photos(bare: Path) -> Path:
    folder = bare / "test_images"
    folder.mkdir()
    for name in ("common_mormon", "blue_tiger", "common_jezebel"):
        (folder / f"{name}.jpg").write_bytes(name.encode())
    return folder


@pytest.mark.usefixtures("photos")
def test_the_guides_calling_code_gives_its_keys_and_percent(script: Script, bare: Path, endpoint: str) -> None:
    done = script(TEST_MODEL, ENDPOINT=endpoint)

    assert (done.returncode, done.stderr) == (0, "")
    written = json.loads((bare / "test_results.json").read_text())
    assert written["accuracy"] == pytest.approx(100 / 3)
    assert written["results"][:2] == [
        {
            "test_case": "Common Mormon",
            "expected": "001",
            "predicted": "001",
            "predicted_name": "Common Mormon",
            "confidence": 0.91,
            "correct": True,
        },
        {
            "test_case": "Blue Tiger",
            "expected": "045",
            "predicted": "046",
            "predicted_name": "Glassy Tiger",
            "confidence": 0.64,
            "correct": False,
        },
    ]
    assert written["results"][2].keys() == {"test_case", "error"}
    assert "🧪 Running 3 test cases...\n" in done.stdout
    assert "Test 1/3: Common Mormon\n  ✅ PASS - Confidence: 91.00%\n" in done.stdout
    assert "Test 2/3: Blue Tiger\n  ❌ FAIL - Got: Glassy Tiger (64.00%)\n" in done.stdout
    assert "Test Results: 1/3 passed (33.33%)" in done.stdout


def test_a_photo_that_is_missing_is_counted_as_wrong(photos: Path, endpoint: str) -> None:
    tester = ModelTester(endpoint)
    tester.add_test_case(photos / "common_mormon.jpg", "001", "Common Mormon")
    tester.add_test_case(photos / "nowhere.jpg", "001", "Common Mormon")

    results, accuracy = tester.run_tests()

    assert accuracy == 50
    assert "no such file" in results[1]["error"]


@pytest.mark.usefixtures("bare")
def test_without_test_cases_there_is_no_accuracy() -> None:
    with pytest.raises(UsageError, match="no test cases"):
        ModelTester("http://127.0.0.1:1/predict").run_tests()
