"""``python -m hdl.nic OUT.v``: write the NIC's Verilog."""

import argparse
import sys
from pathlib import Path

from hdl.nic import verilog


def main() -> None:
    """Write the file that the command line names; one line on stderr and exit status 2 if that is impossible."""
    parser = argparse.ArgumentParser(prog="python -m hdl.nic", description="Write the NIC as Verilog, module nic.")
    parser.add_argument("out", type=Path, help="file to write")
    parser.add_argument("--data-width", type=int, default=64, help="bits of the DMA ports and of the streams")
    parser.add_argument("--rx-fifo-bytes", type=int, default=16384, help="size of the receive FIFO")
    parser.add_argument("--queues", type=int, default=1, help="receive queues, and transmit queues")
    forms = [form.value for form in verilog.Form]
    parser.add_argument(
        "--form", choices=forms, default=forms[0], help="kind of simulator that it is for, or synthesis"
    )
    arguments = parser.parse_args()
    try:
        verilog.write(
            arguments.out,
            form=verilog.Form(arguments.form),
            data_width=arguments.data_width,
            rx_fifo_bytes=arguments.rx_fifo_bytes,
            queues=arguments.queues,
        )
    except (ValueError, OSError) as error:
        sys.exit(_fail(parser, error))


def _fail(parser: argparse.ArgumentParser, error: Exception) -> int:
    print(f"{parser.prog}: {error}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
