#!/bin/sh
# Prints the path of an interpreter that is Python 3.13, or nothing. Argument: the uv to ask.
# Compiled files of any other version are dead weight on Lambda. A name on PATH proves nothing (pyenv's shims
# answer with an error), hence each candidate is run.

is_313() {
    [ "$("$1" -I -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" = 3.13 ]
}

for candidate in \
    "$(command -v python3.13)" \
    "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13*/bin/python3.13 \
    "$(command -v python3)" \
    "$("$1" python find --no-project --managed-python 3.13 2>/dev/null)" \
    "$("$1" python find --no-project --system 3.13 2>/dev/null)"; do
    if [ -n "$candidate" ] && is_313 "$candidate"; then
        echo "$candidate"
        exit 0
    fi
done
