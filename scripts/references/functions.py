"""The page about the functions that Python scripts call: signature and docstring of each, with an example."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import lepinet

EXAMPLES = {
    "log_model_version": """\
log_model_version("v1.2.0", "Bhanura/lepinet-model", 5400, 0.9234, revision=pushed.oid, notes="wet season")
""",
    "get_active_model": """\
model = get_active_model("production")
network = AutoModelForImageClassification.from_pretrained(model.file_path, revision=model.revision)
""",
    "get_active_model_path": """\
path = get_active_model_path(default="Bhanura/lepinet-model")
""",
    "ModelTester": """\
tester = ModelTester("http://127.0.0.1:8000/predict")
tester.add_test_case("blue_tiger.jpg", "045", "Blue Tiger")
results, accuracy = tester.run_tests()
""",
    "compare_models": """\
if not compare_models("models/v1.0.0", "models/v1.1.0", "tests/known_images"):
    raise SystemExit("not shown to be safe")
""",
}
"""By the function's name, in the order of the page."""


def functions(generated: str) -> str:
    """The page, with the remark that it is generated."""
    lines = ["# Functions for Python", "", generated, "", "What a script of your own calls: `from lepinet import …`."]
    lines += ["An error is a `LepinetError` that says what happened, where, and what to do."]
    for name, example in EXAMPLES.items():
        lines += _function(name, getattr(lepinet, name), example)
    return "\n".join(lines) + "\n"


def _function(name: str, it: Any, example: str) -> Iterator[str]:
    yield from ("", f"## {name}", "", "```python", f"from lepinet import {name}", "", example.rstrip(), "```")
    yield from _described(name, it)
    if inspect.isclass(it):
        for method, body in vars(it).items():
            if inspect.isfunction(body) and not method.startswith("_"):
                yield from _described(method, body)


def _described(name: str, it: Any) -> Iterator[str]:
    signature = inspect.signature(it)
    shown = list(_parameters(signature))
    returns = "" if inspect.isclass(it) else f" -> {signature.return_annotation}"
    yield from ("", "```text", *((f"{name}(", *shown, f"){returns}") if shown else (f"{name}(){returns}",)), "")
    yield from (inspect.getdoc(it) or "").splitlines()
    yield "```"


def _parameters(signature: inspect.Signature) -> Iterator[str]:
    by_name_alone = False
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not by_name_alone:
            by_name_alone = True
            yield "    *,"
        if parameter.name != "self":
            default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
            yield f"    {parameter.name}: {parameter.annotation}{default},"
