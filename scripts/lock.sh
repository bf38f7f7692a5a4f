#!/bin/sh
# Write the versions of everything installed to a lock file: lock.sh PYTHON [FILE]. To refresh:
# change pyproject.toml, `pip install -U -e ".[colbert,dev]"` in the environment, run the tests,
# then `make lock`; the same with ".[dev]" in .venv-next, then `make lock-next`.
set -eu
python=$1
lock=${2:-requirements.lock}
{
    echo "# Exact versions of every package, written by scripts/lock.sh. Installed by scripts/setup.sh."
    "$python" -m pip --disable-pip-version-check freeze --exclude-editable --exclude odqa --all |
        sed -e 's/^torch==\([0-9.]*\)+cpu$/torch==\1/' -e 's/^torch @ .*torch-\([0-9.]*\).*$/torch==\1/' |
        grep -v -e '^pip==' -e '^#'
} > "$lock.tmp"
mv "$lock.tmp" "$lock"
