#!/bin/sh
# All parts of the speed benchmark, into eval/results/speed.md. PEER is the environment that
# setup_peer.sh makes (made where it is missing); further arguments go to every part.
# Usage: sh eval/speed/run.sh PEER [--threads N] [--device cpu]
set -eu
PEER=${1:?"name the folder of the peer's environment"}
shift
PYTHON=${PYTHON:-.venv/bin/python}

sh eval/speed/setup_peer.sh "$PEER"
"$PYTHON" -m eval.speed.forward --peer "$PEER" "$@"
"$PYTHON" -m eval.speed.ranking "$@"
"$PYTHON" -m eval.speed.generation "$@"
