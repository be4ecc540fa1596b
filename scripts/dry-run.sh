# shellcheck shell=bash
# Sourced by the scripts beside it: `run COMMAND ...` executes a command; with DRY_RUN=1 it only prints it.

DRY_RUN=${DRY_RUN:-}

# Execute a command that changes something, or print it so that it could be pasted.
run() {
  if [ -n "$DRY_RUN" ]; then
    printf '+'
    printf ' %q' "$@"
    printf '\n'
  else
    "$@"
  fi
}

# Say what is being done.
say() {
  printf '%s\n' "$*"
}

# End with a reason on standard error; 2 is for a wrong call.
fail() {
  printf '%s: %s\n' "${0##*/}" "$1" >&2
  exit "${2:-1}"
}

# End with a clear error unless an option was given its value: needs_value "$@"
needs_value() {
  if [ $# -lt 2 ] || [ -z "$2" ]; then fail "$1 needs a value (see --help)" 2; fi
}

# The comment at the head of the calling script, which is its manual.
usage() {
  sed -n '2,/^[^#]/{/^#/!d;s/^# \{0,1\}//;p;}' "$0"
}
