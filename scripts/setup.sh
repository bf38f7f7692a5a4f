#!/bin/sh
# Make the virtual environment from a lock file: exact versions, torch without CUDA where there is
# no GPU.
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
torch=$(grep '^torch==' "$LOCK")

# torch comes first and alone: once a CPU build is in, nothing drags in gigabytes of CUDA. A CPU
# build is taken where pip can find one (a configured index or wheel folder), and only where no
# NVIDIA driver is present.
if ! pip show -q torch 2>/dev/null; then
    if command -v nvidia-smi >/dev/null 2>&1; then
        pip install -q "$torch"
    else
        pip install -q --no-deps "$torch+cpu" 2>/dev/null || pip install -q "$torch"
    fi
fi
pip install -q -r "$LOCK"
pip install -q --no-deps --no-build-isolation -e .
pip check
