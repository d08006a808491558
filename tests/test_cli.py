"""The command line: what it runs, what it prints, and one line for everything that is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from driver.kernel.rules.catalogue import RULES
from emulator import cli
from emulator.errors import RunFailed, UserError
from emulator.output import SUMMARY, TRACE, WAVES
from emulator.progress import Progress
from emulator.report import build_failed_summary, build_summary, format_summary
from emulator.results import RuleResults
from emulator.scenario import BUNDLED_CAPTURE, Scenario
from emulator.sweep.run_sweep import Outcome
from tests.capture_files import Stamped, pcap
from tests.results_of_a_run import RESULTS

Capture = pytest.CaptureFixture[str]
REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("signal.signal", lambda *_: None)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[Scenario]:
    """Scenarios that were run; an engine that measures what is made up takes the place of the real ones."""
    scenarios: list[Scenario] = []

    def execute(scenario: Scenario, directory: Path, progress: Progress) -> None:
        scenarios.append(scenario)
        progress(0)
        (directory / SUMMARY).write_text(format_summary(build_summary(scenario, RESULTS)))
        (directory / TRACE).write_text("")

    monkeypatch.setattr(cli, "execute", execute)
    return scenarios


def failing(error: BaseException) -> Callable[..., None]:
    def execute(scenario: Scenario, directory: Path, progress: Progress) -> None:
        (directory / TRACE).write_text("half")
        raise error

    return execute


def refused(capsys: Capture, *arguments: str, status: int = 2) -> str:
    """The one line that is all that a wrong command line leaves."""
    before = sorted(Path().rglob("*"))
    assert cli.main(arguments) == status
    out, err = capsys.readouterr()
    err = err.removeprefix("\n" if status == cli.EXIT_INTERRUPTED else "")  # behind the terminal's ^C
    assert out == ""
    assert err.startswith("napi-hil: ")
    assert err.count("\n") == 1
    assert err.endswith("\n")
    assert sorted(Path().rglob("*")) == before
    return err


def test_the_bundled_capture_is_the_default(runs: list[Scenario], capsys: Capture) -> None:
    assert cli.main(["run"]) == 0
    assert runs == [Scenario(capture=str(BUNDLED_CAPTURE))]
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith("Frames\n  offered ")
    assert out.endswith("Written to build/run: summary.json, trace.txt\n")
    assert "\x1b" not in out
    assert sorted(path.name for path in Path("build/run").iterdir()) == [SUMMARY, TRACE]


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ("--engine model", {"engine": "model", "waves": False}),
        ("--engine model --no-waves", {"engine": "model", "waves": False}),
        ("--waves", {"waves": True}),
        ("--no-waves --no-trace --no-frames", {"waves": False, "trace": False, "frames": False}),
        ("--mode irq --budget 16 --ring 512", {"mode": "irq", "budget": 16, "ring": 512}),
        ("--costs router2002 --nics 2 --seed 7", {"costs": "router2002", "nics": 2, "seed": 7}),
        ("--rate 100M --repeat 3", {"rate": 10**8, "repeat": 3}),
        (
            "--cpus 2 --set CONFIG_HZ=250 --set /proc/irq/16/smp_affinity=2",
            {"cpus": 2, "set": ("CONFIG_HZ=250", "/proc/irq/16/smp_affinity=2")},
        ),
        ("--pps 10000", {"pps": 10_000}),
        ("--timing capture", {"timing": "capture"}),
        ("--rule all=warn --rule napi-orphan=ignore", {"rule": ("all=warn", "napi-orphan=ignore")}),
        ("--generate 60,1514 --count 5", {"capture": None, "generate": (60, 1514), "count": 5}),
    ],
)
def test_options(runs: list[Scenario], arguments: str, options: dict[str, Any]) -> None:
    assert cli.main(["run", *arguments.split()]) == 0
    assert runs == [Scenario(**{"capture": str(BUNDLED_CAPTURE)} | options)]


def test_a_capture_of_ones_own(runs: list[Scenario], capsys: Capture) -> None:
    Path("mine.pcap").write_bytes(pcap([Stamped(bytes(14)), Stamped(bytes(1514))]).content)
    assert cli.main(["run", "mine.pcap", "--nics", "2", "--out", "out"]) == 0
    assert runs == [Scenario(capture=str(Path("mine.pcap").absolute()), nics=2)]
    assert "2 of them were shorter than 60 bytes" in capsys.readouterr().out
    assert Path("out", SUMMARY).exists()


def test_json_to_a_file(runs: list[Scenario]) -> None:
    assert cli.main(["run", "--json", "copy.json"]) == 0
    assert Path("copy.json").read_text() == Path("build/run", SUMMARY).read_text()
    assert runs


def test_json_to_stdout_leaves_the_table_to_stderr(runs: list[Scenario], capsys: Capture) -> None:
    assert cli.main(["run", "--json", "-"]) == 0
    out, err = capsys.readouterr()
    assert out == Path("build/run", SUMMARY).read_text()
    assert Scenario.from_dict(json.loads(out)["scenario"]) == runs[0]
    assert err.startswith("Frames\n")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("", "Missing command"),
        ("fly", "No such command 'fly'"),
        ("run --engine verilog", "'verilog' is not one of 'icarus', "),
        ("run --mode poll", "'poll' is not one of 'napi', 'irq'"),
        ("run --timing exact", "'exact'"),
        ("run --costs cheap", "--costs cheap: unknown profile; allowed: modern, router2002"),
        ("run --costs cheap.toml", "cost profile cheap.toml: No such file"),
        ("run --budget many", "'many' is not a valid integer"),
        ("run --budget 0", "--budget 0: out of range; allowed are 1 to 300"),
        ("run --ring 12", "--ring 12: the NIC takes multiples of 8"),
        ("run --cpus 65", "--cpus 65: out of range; allowed are 1 to 64"),
        ("run --set net.core.netdev_budge=1", "unknown setting; did you mean net.core.netdev_budget"),
        ("run --set net.core.netdev_budget=x", "--set net.core.netdev_budget=x: not a whole number; allowed are 0 to"),
        ("run --rate 9G", "allowed are 10M to 8G"),
        ("run --rate fast", "--rate fast: not a rate"),
        ("run --rate 1G --pps 5", "--rate and --pps exclude each other"),
        ("run --rate 1G --timing capture", "--rate and --timing exclude each other"),
        ("run --pps 5 --timing capture", "--pps and --timing exclude each other"),
        ("run --pps 100000", "--pps 100000: the line carries at most 81274 frames of 1514 bytes"),
        ("run --generate 60", "--generate needs --count"),
        ("run --generate 59 --count 1", "--generate 59: out of range; allowed are 60 to 1514"),
        ("run --generate big --count 1", "--generate big: not a list of frame sizes"),
        ("run --count 1", "--count needs --generate"),
        ("run x.pcap --generate 60 --count 1", "either a capture or --generate"),
        ("run --engine model --waves", "--waves: the model engine has no RTL"),
        ("run --rule napi-orfan=warn", "--rule napi-orfan=warn: unknown rule 'napi-orfan'; did you mean napi-orphan"),
        ("run --rule x=warn", "--rule x=warn: unknown rule 'x'; list them with: napi-hil rules"),
        ("run --rule napi-orphan", "--rule napi-orphan: write NAME=LEVEL, LEVEL one of ignore, warn, error"),
        ("run --rule all=fatal", "--rule all=fatal: unknown level 'fatal'; allowed: ignore, warn, error"),
        ("rules napi-orfan", "unknown rule 'napi-orfan'; did you mean napi-orphan"),
        ("run --fast", "No such option"),
        ("run one.pcap two.pcap", "unexpected extra argument"),
        ("run nowhere.pcap", "nowhere.pcap: No such file or directory"),
        ("run --json nowhere/copy.json", "--json nowhere/copy.json: not a file in an existing directory"),
        ("run --json .", "--json .: not a file in an existing directory"),
        ("sweep", "Missing argument 'FILE'"),
        ("sweep nowhere.toml", "nowhere.toml: No such file or directory"),
        ("sweep nowhere.toml --out table.xlsx", "--out table.xlsx: unknown format; the name must end in .csv or .par"),
        ("sweep nowhere.toml --workers 0", "0 is not in the range x>=1"),
        ("sweep x.toml --workers 2 --cluster tcp://there", "--workers and --cluster exclude each other"),
        ("wave", "build/run/waves.fst: not there; make it with: napi-hil run --waves --out build/run"),
        ("wave somewhere", "somewhere/waves.fst: not there"),
    ],
)
def test_wrong_command_lines(runs: list[Scenario], capsys: Capture, arguments: str, complaint: str) -> None:
    assert complaint in refused(capsys, *arguments.split())
    assert not runs


def whole_capture() -> bytes:
    return pcap([Stamped(bytes(60)), Stamped(bytes(60))]).content


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"not a capture at all", "bad.pcap: not a pcap or pcapng capture"),
        (whole_capture()[:-1], "bad.pcap: truncated: the record at byte 100 is longer than what is left, 75 bytes"),
        (pcap([]).content, "bad.pcap: the capture holds no frames"),
        (pcap([Stamped(bytes(60))], link_type=101).content, "bad.pcap: frame 1 has link type 101"),
        (pcap([Stamped(bytes(9000))]).content, "bad.pcap: frame 1 has 9000 bytes, more than the 1518"),
        (pcap([Stamped(bytes(68), original=900)]).content, "bad.pcap: frame 1 was cut to 68 of 900 bytes"),
    ],
)
def test_bad_captures(runs: list[Scenario], capsys: Capture, content: bytes, complaint: str) -> None:
    Path("bad.pcap").write_bytes(content)
    assert complaint in refused(capsys, "run", "bad.pcap")
    assert not runs


def test_foreign_files_in_the_directory(runs: list[Scenario], capsys: Capture) -> None:
    Path("mine").mkdir()
    Path("mine", "thesis.tex").write_text("")
    assert "holds thesis.tex" in refused(capsys, "run", "--out", "mine")
    assert not runs


@pytest.mark.parametrize(
    ("error", "status", "complaint"),
    [
        (UserError("iverilog is not installed"), 2, "iverilog is not installed"),
        (KeyboardInterrupt(), 130, "interrupted; nothing was written"),
    ],
)
def test_runs_that_do_not_take_place(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, error: BaseException, status: int, complaint: str
) -> None:
    monkeypatch.setattr(cli, "execute", failing(error))
    line = refused(capsys, "run", "--generate", "60", "--count", "1", status=status)
    assert line == f"napi-hil: {complaint}\n"


def test_a_failed_run_says_where_its_files_are_and_replaces_the_one_before(
    runs: list[Scenario], monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    assert cli.main(["run"]) == 0
    capsys.readouterr()
    monkeypatch.setattr(cli, "execute", failing(RunFailed("NIC 0: 5 frames lost")))
    assert cli.main(["run"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "napi-hil: run failed: NIC 0: 5 frames lost; what it has written is in build/run\n"
    assert [path.name for path in Path("build/run").iterdir()] == [TRACE]
    assert len(runs) == 1


def test_a_run_that_fails_before_it_writes_anything_leaves_the_one_before(
    runs: list[Scenario], monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    assert cli.main(["run"]) == 0
    summary = Path("build/run", SUMMARY).read_text()
    capsys.readouterr()

    def execute(*_: object) -> None:
        raise RunFailed("off")

    monkeypatch.setattr(cli, "execute", execute)
    assert refused(capsys, "run", status=1) == "napi-hil: run failed: off\n"
    assert Path("build/run", SUMMARY).read_text() == summary
    assert len(runs) == 1


def failing_with_files(error: RunFailed) -> Callable[..., None]:
    def execute(scenario: Scenario, directory: Path, progress: Progress) -> None:
        (directory / TRACE).write_text("until here")
        rules = RuleResults(checked=54, broken=())
        (directory / SUMMARY).write_text(format_summary(build_failed_summary(scenario, error, 5_000, rules)))
        raise error

    return execute


def test_a_failed_run_that_has_files(runs: list[Scenario], monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    assert cli.main(["run", "--out", "out"]) == 0
    capsys.readouterr()
    monkeypatch.setattr(cli, "execute", failing_with_files(RunFailed("off", "two\nlines")))
    assert cli.main(["run", "--out", "out"]) == 1
    out, err = capsys.readouterr()
    assert out.split()[:5] == ["The", "run", "failed", "why", "off"]
    assert out.endswith("Written to out: summary.json, trace.txt\n")
    assert err == "napi-hil: run failed: off\ntwo\nlines\n"
    assert Path("out", TRACE).read_text() == "until here"
    assert json.loads(Path("out", SUMMARY).read_text())["failed"]["error"] == "off"
    assert len(runs) == 1


def test_json_of_a_failed_run(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr(cli, "execute", failing_with_files(RunFailed("off")))
    assert cli.main(["run", "--json", "-"]) == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["failed"]["error"] == "off"
    assert err.startswith("The run failed\n")
    assert err.endswith("napi-hil: run failed: off\n")


def test_rules(capsys: Capture) -> None:
    assert cli.main(["rules"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(RULES)
    assert [line.split()[2] for line in lines] == list(RULES)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_explained(capsys: Capture, name: str) -> None:
    assert cli.main(["rules", name]) == 0
    shown = capsys.readouterr().out
    rule = RULES[name]
    for text in (name, rule.demands, rule.mend, rule.source, rule.prints or "nothing", f"--rule {name}="):
        assert text in shown


def test_help_names_every_option(capsys: Capture) -> None:
    assert cli.main(["run", "--help"]) == 0
    shown = capsys.readouterr().out
    options = (
        "generate count engine mode rate pps timing repeat budget ring costs nics cpus set seed waves no-waves "
        "trace no-trace frames no-frames out json rule"
    )
    for option in options.split():
        assert f"--{option}" in shown
    assert "[CAPTURE]" in shown


def test_version(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr("importlib.metadata.version", {"napi-hil": "1.2.3"}.__getitem__)
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == "napi-hil, version 1.2.3\n"


@pytest.fixture
def sweeps(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Arguments of sweeps; each has 5 runs of which 2 were done before."""
    calls: list[tuple[Any, ...]] = []

    def run_sweep(file: Path, table: Path, *, workers: int | None, cluster: str | None) -> Outcome:
        calls.append((file, table, workers, cluster))
        return Outcome(rows=5, failed=0, done=3)

    monkeypatch.setattr(cli, "run_sweep", run_sweep)
    return calls


@pytest.mark.parametrize(
    ("arguments", "call"),
    [
        ("some/x.toml", (Path("some/x.toml"), Path("some/x.csv"), None, None)),
        ("x.toml --out y.parquet --workers 3", (Path("x.toml"), Path("y.parquet"), 3, None)),
        ("x.toml --cluster tcp://there:8786", (Path("x.toml"), Path("x.csv"), None, "tcp://there:8786")),
    ],
)
def test_sweep(sweeps: list[tuple[Any, ...]], capsys: Capture, arguments: str, call: tuple[Any, ...]) -> None:
    assert cli.main(["sweep", *arguments.split()]) == 0
    assert sweeps == [call]
    assert capsys.readouterr() == (f"Written to {call[1]}: 5 runs, 2 of them kept from before\n", "")


def test_a_sweep_with_failed_runs(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr(cli, "run_sweep", lambda *_, **__: Outcome(rows=5, failed=2, done=5))
    assert cli.main(["sweep", "x.toml"]) == 1
    complaint = "napi-hil: 2 of 5 runs failed; the column error of x.csv says why\n"
    assert capsys.readouterr() == ("Written to x.csv: 5 runs\n", complaint)


def test_an_interrupted_sweep(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    def run_sweep(*_: object, **__: object) -> NoReturn:
        raise KeyboardInterrupt("3 of 5 runs are missing")

    monkeypatch.setattr(cli, "run_sweep", run_sweep)
    line = refused(capsys, "sweep", "x.toml", status=cli.EXIT_INTERRUPTED)
    assert line == "napi-hil: interrupted; 3 of 5 runs are missing\n"


def test_help_of_sweep(capsys: Capture) -> None:
    assert cli.main(["sweep", "--help"]) == 0
    shown = capsys.readouterr().out
    for option in ("--out", "--workers", "--cluster"):
        assert option in shown
    assert "\n    [axes]\n    mode = [" in shown


def viewer(directory: Path, content: str) -> None:
    script = directory / "gtkwave"
    script.write_text(content)
    script.chmod(0o755)


def make_waves() -> None:
    Path("build/run").mkdir(parents=True)
    for name in (WAVES, "waves.gtkw"):
        Path("build/run", name).touch()


def test_wave_opens_the_viewer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_waves()
    viewer(tmp_path, f'#!/bin/sh\necho "$@" > {tmp_path}/called\nexit 3\n')
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setenv("DISPLAY", ":0")
    assert cli.main(["wave"]) == 3
    assert Path("called").read_text() == "build/run/waves.fst build/run/waves.gtkw\n"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a screen has no name in the environment")
def test_wave_without_a_screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    make_waves()
    viewer(tmp_path, "#!/bin/sh\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert "there is no screen here" in refused(capsys, "wave")


def test_wave_without_a_viewer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Capture) -> None:
    make_waves()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "gtkwave is not installed; install it" in refused(capsys, "wave")


def test_wave_of_a_run_without_waves(runs: list[Scenario], capsys: Capture) -> None:
    assert cli.main(["run", "--no-waves"]) == 0
    assert runs
    capsys.readouterr()
    assert "build/run/waves.fst: not there; make it with" in refused(capsys, "wave")


def in_a_process(directory: Path, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", f"import sys; from emulator import cli; {code}; sys.exit(cli.main())", *arguments],
        cwd=directory,
        env={"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_in_a_process_of_its_own(tmp_path: Path) -> None:
    """No traceback and no other output on the way through the interpreter's start and end."""
    done = in_a_process(tmp_path, "pass", "run", "nowhere.pcap")
    complaint = f"napi-hil: {tmp_path}/nowhere.pcap: No such file or directory\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", complaint)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("signal", "status", "complaint"),
    [("SIGINT", 130, "\nnapi-hil: interrupted; nothing was written\n"), ("SIGTERM", 143, "")],
)
def test_signals_leave_nothing(tmp_path: Path, signal: str, status: int, complaint: str) -> None:
    code = (
        "import signal; "
        "signal.signal(signal.SIGINT, signal.default_int_handler); "  # ignored where the tests are a background job
        "cli.execute = lambda _, directory, __: ("
        f"(directory / 'summary.json').write_text('half'), signal.raise_signal(signal.{signal}))"
    )
    done = in_a_process(tmp_path, code, "run", "--out", "some/new/directory")
    assert (done.returncode, done.stdout, done.stderr) == (status, "", complaint)
    assert not list(tmp_path.iterdir())
