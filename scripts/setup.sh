#!/bin/sh
# Make the virtual environment from a lock file: exact versions whose files have the hashes in it,
# torch without CUDA where there is no GPU.
set -eu
PYTHON=${PYTHON:-python3}
VENV=${VENV:-.venv}
LOCK=${LOCK:-requirements.lock}

"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "odqa: $PYTHON is older than Python 3.11; pass another one: make PYTHON=python3.11" >&2
    exit 2
}
[ -x "$VENV/bin/python" ] || "$PYTHON" -m venv "$VENV"
pip() { "$VENV/bin/python" -m pip --disable-pip-version-check "$@"; }
# A file whose hash is not in the lock is not installed, wherever pip found it. The lock files name
# every package, so that none is added by another.
install() { pip install -q --require-hashes --no-deps "$@"; }

# torch comes first: its CPU build has files of its own. It is taken where pip can find one (a
# configured index or wheel folder) with a hash that is known, and only where no NVIDIA driver is
# present; else the build of the package index, with the CUDA packages it asks for.
if ! pip show -q torch 2>/dev/null; then
    if command -v nvidia-smi >/dev/null 2>&1 || ! install -r requirements-torch-cpu.lock 2>/dev/null; then
        install -r requirements-torch-cuda.lock
    fi
fi
# pyserini comes as source alone; it is built with the locked setuptools, not with the newest.
tools=$(mktemp)
trap 'rm -f "$tools"' EXIT
awk '/^setuptools==/ { on = 1 } on { print } on && !/\\$/ { exit }' "$LOCK" > "$tools"
install -r "$tools"
install --no-build-isolation --only-binary :all: --no-binary pyserini -r "$LOCK"
pip install -q --no-deps --no-build-isolation -e .
pip check
