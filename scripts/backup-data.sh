#!/usr/bin/env bash
# Usage: scripts/backup-data.sh [--erasures] [--copy-to REMOTE] [--keep-daily N] [--keep-weekly N] [--keep-monthly N]
#                               [--dry-run]
#
# Backs up the system that `docker compose` runs here, while it runs, into the folder of LETTERBOX_BACKUPS (./backups):
# database, streams, objects, the id secret, the list of erased ids; encrypted with secrets/backup, of which you need a
# copy elsewhere. Backups that are too old go. See docs/howto/backup-and-restore.md.
#
#   --erasures       only bring the list of erased ids to the backups; run it every few minutes
#   --copy-to        where to copy to with rclone, e.g. offsite:bucket/letterbox (LETTERBOX_BACKUP_COPY_TO)
#   --keep-daily     how many days keep their newest backup (7); likewise --keep-weekly (4), --keep-monthly (6)
#   --dry-run        only print what would be run
#
# Settings are those of .env; the environment wins. COMPOSE (`docker compose`) is how Compose is called. Exit status: 0
# when the backup is complete and copied.
set -Eeuo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/dry-run.sh
source scripts/dry-run.sh
# shellcheck source=scripts/compose.sh
source scripts/compose.sh
# shellcheck source=scripts/settings.sh
source scripts/settings.sh

main() {
  local erasures='' env=${LETTERBOX_ENV_FILE:-.env} copy_to backups keep=() later=()
  copy_to=${LETTERBOX_BACKUP_COPY_TO:-$(setting "$env" LETTERBOX_BACKUP_COPY_TO)}
  backups=${LETTERBOX_BACKUPS:-$(setting "$env" LETTERBOX_BACKUPS)}
  backups=${backups:-./backups}
  while [ $# -gt 0 ]; do
    case $1 in
      --help | -h) usage && exit 0 ;;
      --erasures) erasures=1 ;;
      --copy-to)
        needs_value "$@"
        copy_to=${2%/}
        shift
        ;;
      --keep-daily | --keep-weekly | --keep-monthly)
        needs_value "$@"
        keep+=("$1" "$2")
        shift
        ;;
      --dry-run) export DRY_RUN=1 ;;
      *) fail "unknown option $1 (see --help)" 2 ;;
    esac
    shift
  done
  if [ -n "$copy_to" ] && ! command -v rclone >/dev/null; then fail "--copy-to needs rclone, which is not installed"; fi
  if [ -n "$copy_to" ]; then later=(--copy-later); fi
  run install -d -m 0700 "$backups"
  if [ -z "$DRY_RUN" ]; then # one after the other: what is copied is what is said to be copied
    exec 9>"$backups/.copying"
    flock 9
  fi
  if [ -n "$erasures" ]; then
    letterbox backup --erasures "${later[@]}"
  else
    letterbox backup "${later[@]}" "${keep[@]}"
  fi
  if [ -z "$copy_to" ]; then return; fi
  if [ -z "$erasures" ]; then # objects first, then what names them; nothing is ever removed there
    run rclone copy --immutable "$backups/objects" "$copy_to/objects"
    run rclone copy --exclude '.*' --exclude '.*/**' --exclude 'objects/**' --exclude 'metrics/**' "$backups" "$copy_to"
  fi
  run rclone copyto "$backups/erased.jsonl" "$copy_to/erased.jsonl"
  letterbox backup --erasures --copied # only now may the receipts of these erasures be final
}

letterbox() {
  operator backup "$@"
}

main "$@"
