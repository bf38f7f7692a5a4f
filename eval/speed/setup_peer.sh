#!/bin/sh
# Make the environment of the peer: retro-pytorch wants numpy 1, odqa numpy 2.
# Usage: sh eval/speed/setup_peer.sh FOLDER
set -eu
VENV=${1:?"name a folder for the environment"}
PYTHON=${PYTHON:-python3}

[ -x "$VENV/bin/python" ] || "$PYTHON" -m venv "$VENV"
pip() { "$VENV/bin/python" -m pip --disable-pip-version-check "$@"; }
# The torch that odqa runs on, a CPU build where there is no NVIDIA driver (see scripts/setup.sh).
torch=$(sed -n 's/^\(torch==[0-9.]*\).*/\1/p' requirements.lock)
if ! pip show -q torch 2>/dev/null; then
    if command -v nvidia-smi >/dev/null 2>&1; then
        pip install -q "$torch"
    else
        pip install -q --no-deps "$torch+cpu" 2>/dev/null || pip install -q "$torch"
    fi
fi
# Newer pyarrow, which its retrieval imports, refuses numpy 1.
pip install -q "retro-pytorch==0.3.9" "numpy<2" "pyarrow<20" "$torch"
# The benchmark's own modules are read from the checkout.
"$VENV/bin/python" -c "import eval.speed.peer_retro_pytorch"
