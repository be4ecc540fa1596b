# shellcheck shell=bash
# Sourced by the scripts beside it: what the operator has set.

# setting FILE NAME: what a file like .env says; nothing when it does not say it, or is not there.
setting() {
  if [ -f "$1" ]; then sed -n "s/^$2=//p" "$1" | tail -n 1; fi
}
