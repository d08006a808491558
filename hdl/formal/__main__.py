"""``python -m hdl.formal [NAME...]``: carry out all proofs, or those named."""

import argparse
import dataclasses
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hdl.formal import interrupt_throttle, interrupts, rx_descriptors, rx_fifo, rx_writeback
from hdl.formal.proof import Proof, Tools, carry_out

_MODULES = (interrupts, interrupt_throttle, rx_descriptors, rx_writeback, rx_fifo)
PROOFS = {module.PROOF.name: module.PROOF for module in _MODULES}

#: Where the tools work.
BUILD = Path(__file__).parents[2] / "build" / "formal"


def main() -> int:
    """Print a line per proof; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m hdl.formal", description=__doc__)
    parser.add_argument("name", nargs="*", help=f"one of {', '.join(PROOFS)}; all if none is given")
    parser.add_argument("--short", action="store_true", help="half as many clocks, no induction")
    arguments = parser.parse_args()
    names = arguments.name
    unknown = [name for name in names if name not in PROOFS]
    if unknown:
        parser.error(f"there is no proof {unknown[0]}; there are {', '.join(PROOFS)}")
    try:
        tools = Tools()
    except FileNotFoundError as error:
        parser.error(str(error))
    with ThreadPoolExecutor(2) as pool:
        held = list(pool.map(lambda name: _report(PROOFS[name], tools, short=arguments.short), names or PROOFS))
    return 0 if all(held) else 1


def _report(proof: Proof, tools: Tools, *, short: bool) -> bool:
    begun = time.monotonic()
    if short:
        proof = dataclasses.replace(proof, bounded=proof.bounded // 2, induction=None)
    outcomes = carry_out(proof, BUILD / proof.name, tools)
    words = ", ".join(f"{part} {'holds' if outcome.passed else 'FAILS'}" for part, outcome in outcomes)
    print(f"{proof.name}: {proof.claim}\n    {words} ({time.monotonic() - begun:.0f} s)", flush=True)
    for part, outcome in outcomes:
        if not outcome.passed:
            print(f"    the trace is below {BUILD / proof.name / part}; the log:\n{outcome.log}", flush=True)
    return all(outcome.passed for _, outcome in outcomes)


if __name__ == "__main__":
    sys.exit(main())
