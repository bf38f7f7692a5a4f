#!/bin/sh
# Write the versions of everything installed to requirements.lock. To refresh: change
# pyproject.toml, `pip install -U -e ".[dev]"` in the environment, run the tests, then `make lock`.
set -eu
python=$1
{
    echo "# Exact versions of every package, written by 'make lock'. Installed by scripts/setup.sh."
    "$python" -m pip --disable-pip-version-check freeze --exclude-editable --exclude odqa --all |
        sed -e 's/^torch==\([0-9.]*\)+cpu$/torch==\1/' -e 's/^torch @ .*torch-\([0-9.]*\).*$/torch==\1/' |
        grep -v -e '^pip==' -e '^#'
} > requirements.lock.tmp
mv requirements.lock.tmp requirements.lock
