#!/bin/sh
# Write the two lock files of torch itself: lock_torch.sh PYTHON [LOCK]. Both builds have the version
# in LOCK.
#   requirements-torch-cuda.lock: the build of the package index with the CUDA packages it asks for;
#   requirements-torch-cpu.lock: the CPU build, where pip is configured for a place that has one.
#     Its files have a hash for every Python; those that are known already are kept.
set -eu
python=$1
lock=${2:-requirements.lock}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
head="# Written by scripts/lock_torch.sh. Installed by scripts/setup.sh."
version=$(sed -n 's/^torch==\([0-9.]*\).*/\1/p' "$lock")
sed -n 's/^\([A-Za-z0-9._-]*==[^ ;\\]*\).*/\1/p' "$lock" > "$work/versions"

echo "torch==$version" > "$work/torch.in"
{
    echo "$head"
    ${UV:-"$python" -m uv} pip compile "$work/torch.in" --quiet --universal --python-version 3.11 \
        --constraint "$work/versions" --generate-hashes --no-header --no-annotate
} > "$work/cuda"
cat "$work/cuda" > requirements-torch-cuda.lock

cpu=requirements-torch-cpu.lock
if [ -f "$cpu" ] && grep -q "^torch==$version+cpu " "$cpu"; then
    grep -o 'sha256:[0-9a-f]*' "$cpu" > "$work/hashes"
fi
if "$python" -m pip --disable-pip-version-check download -q --no-deps -d "$work/cpu" "torch==$version+cpu"; then
    sha256sum "$work"/cpu/*.whl | sed 's/^\([0-9a-f]*\) .*/sha256:\1/' >> "$work/hashes"
fi
{
    echo "$head"
    printf 'torch==%s+cpu' "$version"
    sort -u "$work/hashes" | while read -r hash; do printf ' \\\n    --hash=%s' "$hash"; done
    echo
} > "$work/cpu.lock"
cat "$work/cpu.lock" > "$cpu"
