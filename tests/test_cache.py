"""The build cache: a thing is made once for what it depends on, by one process at a time, and anew once damaged."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from emulator.engines import cache
from emulator.engines.cache import cached_folder

ROOT = Path(__file__).parents[1]

#: What a process of the test below runs: it makes a slow thing, and says so in a file of its own.
BUILDER = """
import os, sys, time
from pathlib import Path
from emulator.engines import cache

root = Path(sys.argv[1])
cache.BUILD = root

def make(folder):
    (root / f"made-{os.getpid()}").touch()
    (folder / "part").write_text("x")
    time.sleep(0.2)
    (folder / "product").write_text("made")

print((cache.cached_folder("thing", [], {}, make) / "product").read_text())
"""


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache for this test alone."""
    monkeypatch.setattr(cache, "BUILD", tmp_path)
    return tmp_path


class Maker:
    """Makes a folder of two files, and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, folder: Path) -> None:
        self.times += 1
        (folder / "product").write_text("made")
        (folder / "deep").mkdir()
        (folder / "deep" / "part").write_text("made too")


def test_the_same_is_made_once_and_anything_else_is_something_else(root: Path) -> None:
    make = Maker()
    source, twin = root / "a.v", root / "twin" / "a.v"
    twin.parent.mkdir()
    for file in (source, twin):
        file.write_text("module a;")
    first = cached_folder("thing", [source], {"width": 8}, make)
    assert cached_folder("thing", [twin], {"width": 8}, make) == first
    assert make.times == 1
    others = [
        cached_folder("thing", [source], {"width": 9}, make),
        cached_folder("other", [source], {"width": 8}, make),
    ]
    twin.write_text("module b;")
    others.append(cached_folder("thing", [twin], {"width": 8}, make))
    others.append(cached_folder("thing", [], {"width": 8}, make))
    assert len({first, *others}) == 5
    assert make.times == 5


@pytest.mark.parametrize("file", ["product", "deep/part", "manifest.json"])
@pytest.mark.parametrize("content", [None, "", "made up"])
def test_a_damaged_folder_is_made_anew(file: str, content: str | None) -> None:
    make = Maker()
    folder = cached_folder("thing", [], {}, make)
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_text(content)
    assert cached_folder("thing", [], {}, make) == folder
    assert make.times == 2
    assert (folder / "product").read_text() == "made"
    assert (folder / "deep" / "part").read_text() == "made too"
    cached_folder("thing", [], {}, make)
    assert make.times == 2


def test_what_fails_leaves_only_its_log(root: Path) -> None:
    def make(folder: Path) -> None:
        (folder / "half").touch()
        cache.log_of(folder).write_text("error: it fails")
        raise ValueError("it fails")

    with pytest.raises(ValueError, match="it fails"):
        cached_folder("thing", [], {}, make)
    assert {path.suffix for path in (root / "cache").iterdir()} <= {".log", ".lock"}
    folder = cached_folder("thing", [], {}, Maker())
    assert not cache.log_of(folder).exists()


def test_what_a_killed_process_left_is_in_nobodys_way(root: Path) -> None:
    folder = cached_folder("thing", [], {}, Maker())
    folder.rename(folder.with_suffix(".unfinished"))
    (folder.with_suffix(".unfinished") / "leftover").touch()
    assert not (cached_folder("thing", [], {}, Maker()) / "leftover").exists()


def test_processes_that_want_the_same_at_once_make_it_once(root: Path) -> None:
    command = [sys.executable, "-c", BUILDER, str(root)]
    processes = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert [process.communicate()[0] for process in processes] == ["made\n"] * 4
    assert len(list(root.glob("made-*"))) == 1
