#!/bin/sh
# Write the versions of everything installed, with hashes, to a lock file: lock.sh PYTHON [FILE]. To
# refresh: change pyproject.toml, `pip install -U -e ".[colbert,dev]"` in the environment, run the
# tests, then `make lock`; the same with ".[dev]" in .venv-next, then `make lock-next`.
set -eu
python=$1
lock=${2:-requirements.lock}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" -m pip --disable-pip-version-check freeze --exclude-editable --exclude odqa --all |
    sed -e 's/^torch==\([0-9.]*\)+cpu$/torch==\1/' -e 's/^torch @ .*torch-\([0-9.]*\).*$/torch==\1/' |
    grep -v -e '^pip==' -e '^#' > "$work/versions"
cat "$work/versions" > "$lock"
sh scripts/hash_lock.sh "$python" "$lock"
sh scripts/lock_torch.sh "$python" "$lock"
