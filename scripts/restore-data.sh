#!/usr/bin/env bash
# Usage: scripts/restore-data.sh [BACKUP] [--copy-from REMOTE] [--despite-lost-objects] [--closed]
#                                [--dry-run]
#
# Puts a backup (its name in the folder of LETTERBOX_BACKUPS, ./backups; default: the newest) into the system of this
# checkout, which must be empty: a new host after `make setup`, or one whose volumes were removed
# (`docker compose down --volumes`). secrets/backup must hold the key of the backups. It checks the backup first, stops
# the services, restores, erases again what was erased since, builds the search index, verifies, and opens the door
# last. No mail is sent. See docs/howto/backup-and-restore.md.
#
#   --copy-from              first fetch the backups with rclone, e.g. offsite:bucket/letterbox
#   --despite-lost-objects   go on when objects are missing or damaged; they are listed
#   --closed                 do not open the door at the end: nobody comes in
#   --dry-run                only print what would be run
#
# COMPOSE (`docker compose`) is how Compose is called. Exit status: 0 when nothing is missing, 4 when something is.
set -Eeuo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/dry-run.sh
source scripts/dry-run.sh
# shellcheck source=scripts/compose.sh
source scripts/compose.sh
# shellcheck source=scripts/settings.sh
source scripts/settings.sh

main() {
  local backup='' copy_from='' closed='' despite=() backups secrets
  while [ $# -gt 0 ]; do
    case $1 in
      --help | -h) usage && exit 0 ;;
      --copy-from)
        needs_value "$@"
        copy_from=${2%/}
        shift
        ;;
      --despite-lost-objects) despite=("$1") ;;
      --closed) closed=1 ;;
      --dry-run) export DRY_RUN=1 ;;
      -*) fail "unknown option $1 (see --help)" 2 ;;
      *) backup=$1 ;;
    esac
    shift
  done
  backups=${LETTERBOX_BACKUPS:-$(setting "${LETTERBOX_ENV_FILE:-.env}" LETTERBOX_BACKUPS)}
  backups=${backups:-./backups} secrets=${LETTERBOX_SECRETS:-./secrets}
  if [ ! -s "$secrets/backup" ]; then fail "$secrets/backup, the key of the backups, is not there"; fi
  if [ -n "$copy_from" ]; then
    command -v rclone >/dev/null || fail "--copy-from needs rclone, which is not installed"
    run install -d -m 0700 "$backups"
    run rclone copy "$copy_from" "$backups"
  fi
  if [ -n "$backup" ] && [ ! -d "$backups/$backup" ] && [ "$DRY_RUN" != 1 ]; then fail "$backups has no backup $backup"; fi
  local folder=/backups${backup:+/$backup}

  say "Checking the backup ..."
  operator backup restore "$folder" --stage check "${despite[@]}"
  say "Starting the servers, without the services ..."
  compose stop caddy ingest search storage indexer notifier
  compose up --detach --wait nats postgres object-store
  compose run --rm -T migrate
  compose run --rm -T provision
  say "Restoring ..."
  into "$secrets/id" operator backup restore "$folder" --print id-secret
  into "$secrets/keys/keys.json" operator backup restore "$folder" --print owner-keys
  local status=0
  operator backup restore "$folder" --stage load "${despite[@]}" || lost "$?"
  say "Erasing what was erased since, building the search index, verifying ..."
  compose up --detach --wait storage indexer notifier
  finish "$folder" || lost "$?"
  if [ -z "$closed" ]; then
    compose up --detach --wait
    say "The system is open again."
  fi
  return "$status"
}

# The ids come from the backups, which only `backup` can read; the index is written by `operator`.
finish() {
  if [ "$DRY_RUN" = 1 ]; then
    operator backup restore "$1" --print erased-ids
    compose run --rm -T operator rebuild --stage finish --erased /dev/stdin
  else
    operator backup restore "$1" --print erased-ids |
      compose run --rm -T operator rebuild --stage finish --erased /dev/stdin
  fi
}

# into FILE COMMAND ...: a file's content replaced in place, so that containers that have it mounted see it.
into() {
  local file=$1 content
  shift
  if [ "$DRY_RUN" = 1 ]; then
    "$@"
    return
  fi
  content=$("$@")
  if [ -z "$content" ]; then return; fi # the backup has none
  if [ -e "$file" ]; then chmod u+w "$file"; fi
  printf '%s\n' "$content" >"$file"
  chmod 0444 "$file"
}

# Exit status 4 means that something is missing, which is told, and does not keep the rest from being restored.
lost() {
  if [ "$1" != 4 ]; then fail "the restore has failed; nothing was opened" "$1"; fi
  status=4
}

main "$@"
