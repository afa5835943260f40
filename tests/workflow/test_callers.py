"""A caller starts when the called workflow would, asks for its rights and hands on its inputs; nothing else."""

from __future__ import annotations

import yaml

from lepinet.workflow.callers import Source, caller

TEXT = """\
# What it does.
name: reconcile
on:
  push:
    branches: [main]
  # Finishes what was left.
  schedule:
    - cron: "23 */2 * * *"
  workflow_dispatch:
    inputs:
      reason:
        description: Why
        type: string
  # From another repository: uses: …
  workflow_call:
    inputs:
      reason: {type: string, default: ""}
permissions: {}
jobs:
  judge:
    name: judge
    permissions:
      contents: read
    steps: []
  reconcile:
    name: reconcile
    permissions:
      contents: write # the branch that reverts
      deployments: write # under Environments
    steps: []
"""


def test_a_caller_is_the_called_one_without_its_jobs() -> None:
    assert caller("reconcile.yml", "After the merge.", TEXT, Source("acme/lepinet", "ab" * 20), "trunk") == (
        """\
# After the merge.
name: reconcile
on:
  push:
    branches: ["trunk"]
  # Finishes what was left.
  schedule:
    - cron: "23 */2 * * *"
  workflow_dispatch:
    inputs:
      reason:
        description: Why
        type: string
permissions: {}
jobs:
  lepinet:
    name: lepinet
    permissions:
      contents: write # the branch that reverts
      deployments: write # under Environments
    uses: acme/lepinet/.github/workflows/reconcile.yml@abababababababababababababababababababab
    with:
      reason: ${{ inputs.reason }}
"""
    )


def test_a_workflow_that_is_called_alone_may_stand_last_in_on() -> None:
    text = TEXT.replace("  push:\n    branches: [main]\n", "").replace(
        '    inputs:\n      reason: {type: string, default: ""}\n', ""
    )
    made = yaml.safe_load(caller("reconcile.yml", "After the merge.", text, Source("acme/lepinet", "ab" * 20), "main"))
    assert set(made[True]) == {"schedule", "workflow_dispatch"}
    assert "with" not in made["jobs"]["lepinet"]
