#!/usr/bin/env bash
# Mount a volume on a folder, now and at every start. Doing it again changes nothing.
#
# Usage: scripts/data-volume.sh [--dry-run] [--wait SECONDS] DEVICE FOLDER
#
# A file system (ext4) is made only on a volume that is empty: no file system, no partition table, nothing but zeros
# in its first MiB. Whatever else is on it stays: a file system is mounted as it is, anything unknown is refused.
#
#   --wait SECONDS  wait so long for DEVICE to appear (default 300: a volume is attached after the machine has started)
#   --dry-run       say what would be done, and change nothing
set -Eeuo pipefail
# shellcheck source=scripts/dry-run.sh
. "$(dirname "${BASH_SOURCE[0]}")/dry-run.sh"

PROBED_BYTES=$((1024 * 1024))
FSTAB=${FSTAB:-/etc/fstab}

main() {
  local wait=300 device='' folder=''
  while [ $# -gt 0 ]; do
    case $1 in
      --help | -h) usage && exit 0 ;;
      --dry-run) DRY_RUN=1 ;;
      --wait) needs_value "$@" && wait=$2 && shift ;;
      -*) fail "unknown option $1 (see --help)" 2 ;;
      *) if [ -z "$device" ]; then device=$1; else folder=$1; fi ;;
    esac
    shift
  done
  [ -n "$folder" ] || fail 'needs a device and a folder (see --help)' 2
  if mountpoint -q "$folder"; then
    say "$folder is mounted already."
    return
  fi
  wait_for "$device" "$wait"
  format_if_empty "$device"
  remember "$device" "$folder"
  run mkdir -p "$folder"
  run mount --fstab "$FSTAB" "$folder"
}

wait_for() {
  local until=$((SECONDS + $2))
  while [ ! -b "$1" ]; do
    [ "$SECONDS" -lt "$until" ] || fail "$1 is no block device after $2 s; is the volume attached?"
    sleep 1
  done
}

# blkid answers 2 when it finds nothing at all, 0 for one thing, 8 when it cannot tell.
format_if_empty() {
  local found=0 type
  type=$(blkid --probe --match-tag TYPE --output value "$1") || found=$?
  if [ "$found" = 0 ] && [ -n "$type" ]; then
    say "$1 has a file system ($type), which stays as it is."
  elif [ "$found" = 2 ] && cmp --silent --bytes="$PROBED_BYTES" "$1" /dev/zero; then
    say "$1 is empty: making a file system."
    run mkfs.ext4 -q -L letterbox "$1"
  else
    fail "$1 has something on it that is no file system, and is not touched. Look with: wipefs --no-act $1"
  fi
}

# By its UUID: the kernel may name the device otherwise next time. `nofail`: a machine without it can be logged into.
remember() {
  local uuid
  if [ -n "$DRY_RUN" ]; then
    say "would write into $FSTAB: UUID=... $2 auto defaults,nofail 0 2"
    return
  fi
  uuid=$(blkid --probe --match-tag UUID --output value "$1")
  if ! grep -q "^UUID=$uuid " "$FSTAB"; then
    printf 'UUID=%s %s auto defaults,nofail 0 2\n' "$uuid" "$2" >>"$FSTAB"
  fi
}

main "$@"
