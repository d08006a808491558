"""The files of a run appear when it has come to its end, and nothing is left of one that did not take place."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator.errors import RunFailed, UserError
from emulator.output import PROC, SUMMARY, TRACE, WAVES, output_directory


def tree(path: Path) -> dict[str, str]:
    return {str(file.relative_to(path)): file.read_text() for file in path.rglob("*") if file.is_file()}


def test_files_appear_at_the_end(tmp_path: Path) -> None:
    out = tmp_path / "build" / "run"
    with output_directory(out) as unfinished:
        (unfinished / SUMMARY).write_text("new")
        assert not out.exists()
    assert tree(tmp_path) == {"build/run/summary.json": "new"}
    assert [path.name for path in out.parent.iterdir()] == ["run"]


def test_an_earlier_run_is_replaced(tmp_path: Path) -> None:
    (tmp_path / SUMMARY).write_text("old")
    (tmp_path / WAVES).write_text("old")
    with output_directory(tmp_path) as unfinished:
        (unfinished / SUMMARY).write_text("new")
        (unfinished / TRACE).write_text("new")
        assert tree(tmp_path) == {"summary.json": "old", "waves.fst": "old"}
    assert tree(tmp_path) == {"summary.json": "new", "trace.txt": "new"}


def run_that_fails(out: Path, error: type[BaseException]) -> None:
    with output_directory(out) as unfinished:
        (unfinished / SUMMARY).write_text("half")
        raise error


def run_that_writes_and_fails(out: Path, content: str) -> None:
    with output_directory(out) as unfinished:
        (unfinished / TRACE).write_text(content)
        (unfinished / PROC / "net").mkdir(parents=True)
        (unfinished / PROC / "net" / content).write_text(content)
        raise RunFailed("off")


def test_what_a_run_that_failed_has_written_is_there(tmp_path: Path) -> None:
    out = tmp_path / "run"
    for content in ("one", "two"):
        with pytest.raises(RunFailed):
            run_that_writes_and_fails(out, content)
        assert tree(out) == {"trace.txt": content, f"proc/net/{content}": content}
    with pytest.raises(RunFailed), output_directory(out):
        raise RunFailed("before it wrote anything")
    assert (out / TRACE).exists()
    with output_directory(out) as unfinished:
        (unfinished / SUMMARY).write_text("good")
    assert tree(tmp_path) == {"run/summary.json": "good"}


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, UserError])
def test_nothing_is_left_of_a_run_that_did_not_take_place(tmp_path: Path, error: type[BaseException]) -> None:
    before = tmp_path / "before"
    before.mkdir()
    (before / SUMMARY).write_text("old")
    for out in (tmp_path / "some" / "new" / "run", before):
        with pytest.raises(error):
            run_that_fails(out, error)
    assert tree(tmp_path) == {"before/summary.json": "old"}
    assert [path.name for path in tmp_path.iterdir()] == ["before"]


def test_foreign_files_are_not_touched(tmp_path: Path) -> None:
    (tmp_path / SUMMARY).write_text("old")
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(UserError, match=r"holds thesis\.tex, which no run has written"), output_directory(tmp_path):
        pytest.fail("must not start")
    assert tree(tmp_path) == {"summary.json": "old", "thesis.tex": "mine"}


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(UserError, match="not a directory"), output_directory(file):
        pytest.fail("must not start")
    with pytest.raises(UserError, match="--out"), output_directory(file / "run"):
        pytest.fail("must not start")
    assert tree(tmp_path) == {"file": "mine"}


def test_links_stay_links(tmp_path: Path) -> None:
    """Who keeps runs on another disk finds them there."""
    target = tmp_path / "target"
    target.mkdir()
    (tmp_path / "out").symlink_to(target)
    with output_directory(tmp_path / "out") as unfinished:
        (unfinished / SUMMARY).write_text("new")
    assert (tmp_path / "out").is_symlink()
    assert (target / SUMMARY).read_text() == "new"
