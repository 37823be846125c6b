#!/bin/sh
# Prints the path of a Python that can make a virtual environment for otpy.
#
#   find_python.sh            any Python from 3.11 on, the machine's own `python3` first
#   find_python.sh 3.13       one of exactly that version
#   find_python.sh COMMAND    that very one (a path or a command), or an error
#
# A name on the PATH proves nothing: pyenv's shims exist for versions that are not selected, and some
# Linux systems ship Python without venv. So each candidate has to run before it is taken.
# Free-threaded builds are passed over: the scheduler counts on the GIL.
set -eu

wanted="${1:-}"
oldest="3.11"
versions="3.14 3.13 3.12 3.11"

probe='
import ensurepip, sys, sysconfig, venv
version = ".".join(map(str, sys.version_info[:2]))
wanted = sys.argv[1]
good = version == wanted if wanted else sys.version_info >= (3, 11)
sys.exit(not good or bool(sysconfig.get_config_var("Py_GIL_DISABLED")))
'

# works COMMAND [VERSION]
works() {
    "$1" -c "$probe" "${2:-}" </dev/null >/dev/null 2>&1
}

# on_path NAME: every file of that name on the PATH, one a line
on_path() {
    (
        IFS=:
        for folder in $PATH; do
            if [ -x "$folder/$1" ]; then printf '%s\n' "$folder/$1"; fi
        done
    )
}

# candidates VERSION...: where each version may be found
candidates() {
    for version in "$@"; do
        on_path "python$version"
        for found in "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python; do
            if [ -x "$found" ]; then printf '%s\n' "$found"; fi
        done
    done
}

# first VERSION: takes the first line of its input that works
first() {
    while IFS= read -r found; do
        if works "$found" "$1"; then
            printf '%s\n' "$found"
            return 0
        fi
    done
    return 1
}

case "$wanted" in
"")
    # shellcheck disable=SC2086  # the versions are a list of words
    if { on_path python3; on_path python; candidates $versions; } | first ""; then exit 0; fi
    echo "otpy needs Python $oldest or newer with the venv module, and none was found." >&2
    echo "Install one (on Debian and Ubuntu: python3 and python3-venv), or name it: make PYTHON=/path/to/python3" >&2
    ;;
3.[0-9] | 3.[0-9][0-9])
    if { candidates "$wanted"; on_path python3; } | first "$wanted"; then exit 0; fi
    echo "no working Python $wanted was found" >&2
    ;;
*)
    if works "$wanted"; then
        command -v "$wanted"
        exit 0
    fi
    echo "PYTHON=$wanted does not run, is older than $oldest, or has no venv module; name another one" >&2
    ;;
esac
exit 1
