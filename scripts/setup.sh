#!/bin/sh
# Sets up what `make` needs: .venv with exactly the locked dependencies, and the simulator that is its argument.
#
# It does nothing, quickly, when all is there. Each stamp in .venv is written after what it vouches for, so a setup that
# was interrupted is done again. PYTHON=... names the interpreter to use.
set -eu
cd "$(dirname "$0")/.."

LOCKS="requirements-build.lock requirements.lock"

fail() {
    printf '%s\n' "$*" >&2
    exit 2
}

is_suitable() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

# Print the interpreter to make .venv from: PYTHON, else the one that .venv has, else the first that is found.
find_python() {
    if [ -n "${PYTHON:-}" ]; then
        is_suitable "$PYTHON" || fail "PYTHON=$PYTHON is not a Python 3.11, 3.12 or 3.13; name another, or none"
        echo "$PYTHON"
        return
    fi
    for candidate in python3 python3.13 python3.12 python3.11; do
        if is_suitable "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    fail "no Python 3.11, 3.12 or 3.13 found: install one, or name it with make PYTHON=/path/to/python3"
}

# Which interpreter it is, whether asked directly or through a virtual environment made from it.
identity() {
    "$1" -c 'import sys; print(sys.version, sys.base_prefix)' 2>/dev/null
}

# The stamp's content says for what it was written: these files, in this folder (scripts in .venv hold its path).
is_stamped() {
    [ "$(cat ".venv/$1.stamp" 2>/dev/null)" = "$2" ]
}

stamp() {
    printf '%s\n' "$2" >.venv/stamp.new
    mv .venv/stamp.new ".venv/$1.stamp"
}

checksum() {
    pwd
    cat "$@" | cksum
}

install_dependencies() {
    if is_suitable .venv/bin/python && is_stamped dependencies "$(checksum $LOCKS)"; then
        [ -n "${PYTHON:-}" ] || return 0
        is_suitable "$PYTHON" && [ "$(identity "$PYTHON")" = "$(identity .venv/bin/python)" ] && return 0
    fi
    python=$(find_python)
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        fail "$python has no venv module; on Debian or Ubuntu: sudo apt-get install python$version-venv"
    fi
    echo "setting up .venv with $("$python" --version): once, takes a minute"
    rm -f .venv/*.stamp
    "$python" -m venv --clear .venv
    for lock in $LOCKS; do
        .venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check --no-build-isolation --use-pep517 \
            --require-hashes --requirement "$lock" || fail "the dependencies could not be installed; see above"
    done
    stamp dependencies "$(checksum $LOCKS)"
}

install_project() {
    is_stamped project "$(checksum pyproject.toml)" && return 0
    .venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable . ||
        fail "the project could not be installed; see above"
    stamp project "$(checksum pyproject.toml)"
}

install_icarus() {
    command -v iverilog >/dev/null && command -v vvp >/dev/null && return 0
    if command -v apt-get >/dev/null; then
        hint="sudo apt-get update && sudo apt-get install iverilog"
        if [ "$(id -u)" = 0 ]; then
            as_root=
        elif sudo -n true 2>/dev/null; then
            as_root=sudo
        else
            fail "Icarus Verilog is missing and only root may install it; type: $hint"
        fi
        echo "installing Icarus Verilog"
        { $as_root apt-get update -q && $as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get install -q -y --no-install-recommends iverilog; } >&2 ||
            fail "Icarus Verilog could not be installed; see above, then type: $hint"
    elif command -v dnf >/dev/null; then
        fail "Icarus Verilog is missing; type: sudo dnf install iverilog"
    elif command -v brew >/dev/null; then
        fail "Icarus Verilog is missing; type: brew install icarus-verilog"
    else
        fail "Icarus Verilog is missing; install it with your package manager, so that iverilog and vvp are on the PATH"
    fi
}

check_compiler() {
    for compiler in "${CXX:-c++}" g++ clang++; do
        command -v "$compiler" >/dev/null && return 0
    done
    fail "a C++ compiler is missing, which SIM=$1 needs; on Debian or Ubuntu type: sudo apt-get install g++"
}

install_dependencies
install_project
case ${1:-} in
    icarus) install_icarus ;;
    verilator | native) check_compiler "$1" ;;
esac
