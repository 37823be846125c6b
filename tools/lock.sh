#!/bin/sh
# Writes requirements/*.txt: for each purpose every package it needs, in exact versions and with the
# hashes of all its files, for every Python and platform that otpy supports. Only pip reads them.
#
# All purposes are resolved together first, so that no package is locked in two versions.
set -eu

"${MAKE:-make}" --no-print-directory .venv-lock/bin/python VENV=.venv-lock PYTHON="${PYTHON:-}"
if [ -f requirements/lock.txt ]; then
    .venv-lock/bin/python -m pip install --quiet --require-hashes --requirement requirements/lock.txt
else
    .venv-lock/bin/python -m pip install --quiet uv
fi

together="$(mktemp)"
trap 'rm -f "$together"' EXIT

# compile OUTPUT ARGUMENT...
compile() {
    output="$1"
    shift
    .venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest \
        --generate-hashes --no-annotate --custom-compile-command "make lock" \
        --output-file "$output" "$@"
}

compile "$together" --upgrade pyproject.toml --group dev --group bench --group postgres --group lock
compile requirements/base.txt --upgrade --constraint "$together" pyproject.toml --group build
for group in test dev bench postgres lock; do
    compile "requirements/$group.txt" --upgrade --constraint "$together" --group "$group"
done
