"""``python -m hdl.fpga``: synthesise, place and route the NIC, and write docs/fpga.md."""

import argparse
import sys
from pathlib import Path

from hdl.fpga import report
from hdl.fpga.flow import check, implement
from hdl.fpga.tools import ToolError

#: Where the tools work.
BUILD = Path(__file__).parents[2] / "build" / "fpga"

DOCUMENT = Path(__file__).parents[2] / "docs" / "fpga.md"


def main() -> int:
    """Print a line per design as it is done; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m hdl.fpga", description=__doc__)
    parser.add_argument("--queues", type=int, nargs="+", default=[1, 2, 4, 8], help="numbers of queues; 1 2 4 8")
    parser.add_argument("--seeds", type=int, default=3, help="placements of the NIC with one queue; 3")
    parser.add_argument("--short", action="store_true", help="only see where the first one's memories go; no document")
    arguments = parser.parse_args()
    BUILD.mkdir(parents=True, exist_ok=True)
    designs = []
    try:
        if arguments.short:
            print(check(BUILD, queues=arguments.queues[0]))
            return 0
        for queues in arguments.queues:
            seeds = arguments.seeds if queues == 1 else 1
            designs.append(implement(BUILD, queues=queues, seeds=seeds))
            print(report.line(designs[-1]), flush=True)
    except (ToolError, ValueError, OSError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    DOCUMENT.write_text(report.document(designs))
    return 0


if __name__ == "__main__":
    sys.exit(main())
