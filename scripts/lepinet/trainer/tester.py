"""The known-image test of a live endpoint, as test scripts have always called it."""

from __future__ import annotations

import os
import sys
from typing import Any, TypedDict

from lepinet.errors import UsageError
from lepinet.evaluation.answers import Answer
from lepinet.evaluation.cases import known_images
from lepinet.evaluation.run import answers_of_endpoint
from lepinet.trainer.say import say

_RULE = "=" * 60


class KnownCase(TypedDict):
    """A photo whose species is certain."""

    image_path: str
    expected_id: str
    expected_name: str


class ModelTester:
    """Asks a live endpoint about known images: `POST`, multipart field `image`."""

    def __init__(self, api_endpoint: str) -> None:
        self.api_endpoint = api_endpoint
        self.test_cases: list[KnownCase] = []

    def add_test_case(self, image_path: str | os.PathLike[str], expected_species_id: str, expected_name: str) -> None:
        """Add a photo with the id and the name of its species."""
        self.test_cases.append(
            {"image_path": os.fspath(image_path), "expected_id": expected_species_id, "expected_name": expected_name}
        )

    def run_tests(self) -> tuple[list[dict[str, Any]], float]:
        """Ask about every test case, and print what came of it.

        Returns:
            For each test case a dict with test_case, expected, predicted, predicted_name, confidence (0 to 1) and
            correct, or with test_case and error where there was no answer, which counts as wrong; and the accuracy in
            percent.

        Raises:
            UsageError: there are no test cases, or the endpoint is no URL.
            OutsideError: the endpoint does not answer at all.
        """
        cases = self.test_cases
        if not cases:
            raise UsageError("there are no test cases", todo="Call add_test_case for each photo first.")
        say(f"\n🧪 Running {len(cases)} test cases...\n", sys.stdout)
        known = known_images((case["image_path"], case["expected_id"], case["expected_name"]) for case in cases)
        answers = answers_of_endpoint(self.api_endpoint, known).answers
        for number, answer in enumerate(answers, 1):
            say(f"Test {number}/{len(cases)}: {answer.expected_name}\n  {_outcome(answer)}", sys.stdout)
        correct = sum(answer.correct for answer in answers)
        accuracy = correct / len(cases) * 100
        say(f"\n{_RULE}\nTest Results: {correct}/{len(cases)} passed ({accuracy:.2f}%)\n{_RULE}\n", sys.stdout)
        return [_result(answer) for answer in answers], accuracy


def _outcome(answer: Answer) -> str:
    if not answer.top:
        return f"⚠️  No answer: {answer.error}"
    best = answer.top[0]
    if answer.correct:
        return f"✅ PASS - Confidence: {best.confidence:.2%}"
    return f"❌ FAIL - Got: {best.name} ({best.confidence:.2%})"


def _result(answer: Answer) -> dict[str, Any]:
    if not answer.top:
        return {"test_case": answer.expected_name, "error": answer.error}
    best = answer.top[0]
    return {
        "test_case": answer.expected_name,
        "expected": answer.expected_id,
        "predicted": best.id,
        "predicted_name": best.name,
        "confidence": best.confidence,
        "correct": answer.correct,
    }
