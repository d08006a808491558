"""The NIC as Verilog, module ``nic``."""

from pathlib import Path

from amaranth.back import verilog

from hdl.nic.nic import Nic


def write(path: Path, **parameters: int) -> None:
    """Write the NIC's Verilog into a file.

    Arguments:
        path: the file; its directory must exist.
        parameters: of :class:`hdl.nic.nic.Nic`.

    Raises:
        ValueError: a parameter is out of range.
    """
    text = verilog.convert(Nic(**parameters), name="nic", strip_internal_attrs=True)
    path.write_text(text)
