"""The self-test's table on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pytest_polecat.results.proof import Proof


def write_proofs(reporter: pytest.TerminalReporter, proofs: Sequence[Proof], notes: Sequence[str] = ()) -> None:
    """One line for each suite, one for each reason why a question is not proven, and the notes."""
    reporter.section("polecat self-test", sep="=")
    width = max((len(proof.suite) for proof in proofs), default=5)
    header = f"{'suite':<{width}}  questions  families  tiers 1/2/3    points  proven"
    reporter.write_line(header, bold=True)
    for proof in proofs:
        tiers = "/".join(str(proof.tiers.get(tier, 0)) for tier in (1, 2, 3))
        line = f"{proof.suite:<{width}}  {proof.questions:>9}  {proof.families:>8}  {tiers:>11}  {proof.points:>8g}  "
        whole = proof.proven == proof.questions
        reporter.write_line(line + f"{proof.proven:>6}", green=whole, red=not whole)
    for proof in proofs:
        for fault in proof.faults:
            reporter.write_line(f"{proof.suite}/{fault}", red=True)
    for note in notes:
        reporter.write_line(f"note: {note}")
