#!/bin/sh
# Write the hashes of all files of every package into a lock file: hash_lock.sh PYTHON [FILE].
# Versions stay as they are. Files are those of the package index that uv is configured for, of all
# platforms, so that one lock file serves them all. UV names another uv than PYTHON's.
set -eu
python=$1
lock=${2:-requirements.lock}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sed -n 's/^\([A-Za-z0-9._-]*==[^ ;\\]*\).*/\1/p' "$lock" > "$work/versions.in"
{
    echo "# Exact versions and hashes of every package, written by scripts/lock.sh. Installed by scripts/setup.sh."
    ${UV:-"$python" -m uv} pip compile "$work/versions.in" --quiet --no-deps --generate-hashes --no-header --no-annotate
} > "$work/lock"
cat "$work/lock" > "$lock"
