"""docs/registers.md is what regmap.py renders to."""

from __future__ import annotations

from hdl.nic import regmap_doc


def test_the_document_is_up_to_date() -> None:
    assert regmap_doc.PATH.read_text() == regmap_doc.render(), "run `python -m hdl.nic.regmap_doc`"
