#!/usr/bin/env bash
# Usage: scripts/drill-data.sh [BACKUP] [--subnet NETWORK] [--dry-run]
#
# Proves a backup (its name in the folder of LETTERBOX_BACKUPS, ./backups; default: the newest): restores it into a
# project of its own beside the one that `docker compose` runs here, from the same images, with secrets, volumes and
# networks of its own, no open port and a catch-all for mail; erases again what was erased since, verifies, searches for
# samples, compares their files, counts the mails (none), says how long it took (RTO) and how much would be lost now
# (RPO), and throws it away. Needs 2 GB of memory and the disk of one more copy meanwhile. See
# docs/howto/backup-and-restore.md.
#
#   --subnet   a network that is free on this host (10.252.30.0/24)
#   --dry-run  only print what would be run
#
# COMPOSE (`docker compose`) is how Compose is called. Exit status: 0 the backup is whole, 4 it is not what it has to be.
set -Eeuo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/dry-run.sh
source scripts/dry-run.sh
# shellcheck source=scripts/compose.sh
source scripts/compose.sh
# shellcheck source=scripts/settings.sh
source scripts/settings.sh

# What the copy must not do or have: reach others, tell the owner, take ports, wait for what is not restored.
OTHERWISE='LETTERBOX_MAIL_CHANNEL=smtp
LETTERBOX_SMTP_HOST=mail
LETTERBOX_SMTP_PORT=2525
LETTERBOX_SMTP_TLS=none
LETTERBOX_SMTP_USER=
LETTERBOX_CLAMD_ADDRESS=
OTEL_EXPORTER_OTLP_ENDPOINT='
export PYTHONDONTWRITEBYTECODE=1

main() {
  local backup=newest subnet=10.252.30.0/24 env backups secrets status=0
  while [ $# -gt 0 ]; do
    case $1 in
      --help | -h) usage && exit 0 ;;
      --subnet)
        needs_value "$@"
        subnet=$2
        shift
        ;;
      --dry-run) export DRY_RUN=1 ;;
      -*) fail "unknown option $1 (see --help)" 2 ;;
      *) backup=$1 ;;
    esac
    shift
  done
  env=$(realpath "${LETTERBOX_ENV_FILE:-.env}") || fail 'there is no .env: make setup writes it'
  secrets=${LETTERBOX_SECRETS:-$(setting "$env" LETTERBOX_SECRETS)}
  backups=${LETTERBOX_BACKUPS:-$(setting "$env" LETTERBOX_BACKUPS)}
  backups=$(realpath "${backups:-backups}") || fail 'there are no backups'
  if [ "$backup" = newest ]; then backup=$(newest "$backups"); fi
  [ -n "$backup" ] && [ -d "$backups/$backup" ] || fail "$backups has no backup ${backup:-yet}" 4

  operator backup drill "$backup" --part lost # while COMPOSE is still the live system's
  beside "$env" "$backups" "${secrets:-./secrets}" "$subnet"
  run scripts/restore-data.sh "$backup" --closed || status=$?
  if [ "$status" != 0 ]; then fail 'THE BACKUP IS NOT WHAT IT HAS TO BE: it was not restored whole' "$status"; fi
  compose up --detach --wait search
  searched "$backup"
}

newest() {
  find "$1" -mindepth 2 -maxdepth 2 -name manifest.json -not -path '*/.*' -printf '%h\n' | sort | tail -n 1 | xargs -r basename
}

# beside ENV BACKUPS SECRETS SUBNET: from here on, COMPOSE and the environment speak of the copy.
beside() {
  local live project folder=$2/.drill
  live=${COMPOSE_PROJECT_NAME:-$(setting "$1" COMPOSE_PROJECT_NAME)}
  project=${live:-letterbox}-drill
  export COMPOSE="${COMPOSE:-docker compose} --project-name $project --env-file $folder/env"
  export COMPOSE_PROFILES=dev LETTERBOX_BACKUPS=$2 LETTERBOX_ENV_FILE=$folder/env LETTERBOX_SECRETS=$folder/secrets
  export LETTERBOX_APP_SUBNET=$4 LETTERBOX_PUBLISH_MAIL=0
  unset COMPOSE_PROJECT_NAME
  if [ -z "$DRY_RUN" ]; then
    exec 8>"$2/.drilling"
    flock --nonblock 8 || fail 'another drill is under way'
    trap 'thrown_away "$LETTERBOX_BACKUPS/.drill"' EXIT
    trap 'exit 130' INT TERM
  fi
  run rm -rf "$folder" # what a drill that was killed has left
  run install -d -m 0700 "$folder" "$folder/secrets"
  run install -m 0444 "$3/backup" "$folder/secrets/backup"
  run write "$folder/env" "$(cat "$1")" "$OTHERWISE" "COMPOSE_PROJECT_NAME=$project" "LETTERBOX_BACKUPS=$2"
  run python3 -m letterbox.setup --owner nobody@localhost --secrets "$folder/secrets" --env "$folder/env" >/dev/null
  run_quietly down --volumes --remove-orphans --timeout 5
  compose up --detach --wait mail
}

# The copy is asked as its owner would, with a key that goes with it.
searched() {
  local key mails=0
  if [ -z "$DRY_RUN" ]; then
    key=$(operator operator keys add drill)
    mails=$(compose exec -T mail sh -c 'ls /mail | grep -c "[.]eml$" || true')
  fi
  operator backup drill "$1" --part samples --search http://search:8000 --seconds "$SECONDS" --mails "$mails" <<<"${key:-}"
}

thrown_away() {
  run_quietly down --volumes --remove-orphans --timeout 5
  rm -rf "$1"
}

run_quietly() {
  local said
  said=$(compose "$@" 2>&1) || printf '%s\n' "$said" >&2
  if [ -n "$DRY_RUN" ]; then printf '%s\n' "$said"; fi
}

# write FILE LINE ...
write() {
  local file=$1
  shift
  printf '%s\n' "$@" >"$file"
}

main "$@"
