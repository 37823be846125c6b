#!/bin/sh
# Runs the test suite on each Python that otpy supports and this machine has, each in a virtual
# environment of its own (.venv-3.X), and ends with a line for each. Fails if one of them fails.
set -u

make="${MAKE:-make}"
summary=""
status=1

for version in 3.11 3.12 3.13 3.14; do
    if ! python="$(sh tools/find_python.sh "$version" 2>/dev/null)"; then
        summary="$summary
Python $version: not on this machine"
    elif $make --no-print-directory test VENV=".venv-$version" PYTHON="$python" ARGS="${ARGS:-}"; then
        summary="$summary
Python $version: passed"
        if [ "$status" = 1 ]; then status=0; fi
    else
        summary="$summary
Python $version: FAILED"
        status=2
    fi
done

printf '%s\n' "$summary"
if [ "$status" = 1 ]; then echo "none of these Pythons was found" >&2; fi
exit "$status"
