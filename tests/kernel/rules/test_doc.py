"""docs/rules.md is what the catalogue renders to."""

from __future__ import annotations

from driver.kernel.rules import doc
from driver.kernel.rules.catalogue import RULES


def test_the_document_is_up_to_date() -> None:
    assert doc.PATH.read_text() == doc.render(), "run `python -m driver.kernel.rules.doc`"


def test_every_rule_is_in_the_table_and_has_a_section() -> None:
    text = doc.render()
    for name in RULES:
        assert text.count(f"[{name}](#{name})") == 1
        assert text.count(f"\n## {name}\n") == 1


def test_every_chapter_that_has_rules_is_there() -> None:
    assert "**Scheduling and masking**" in doc.render()
