#!/usr/bin/env bash
# One screen about a deployment: health of every container, backlog, errors, disk, certificate, last backup and
# drill.
#
# Usage: scripts/monitor-deployment.sh [options]
#
# Reads and changes nothing. Exit status: 0 all is well, 1 something wants attention (marked with !), 2 wrong call.
#
#   --folder FOLDER     where Letterbox lives (default /srv/letterbox)
#   --host [USER@]HOST  look at another host, by SSH
#   --ssh-option OPTION one more option for ssh -o; may be repeated
#   --since TIME        how far back errors are counted (default 1h)
#   --dry-run           only say what would be asked
set -Eeuo pipefail
# shellcheck source=scripts/dry-run.sh
. "$(dirname "${BASH_SOURCE[0]}")/dry-run.sh"
# shellcheck source=scripts/settings.sh
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"

MOST_PENDING=1000 LEAST_FREE_PERCENT=15 LEAST_CERTIFICATE_DAYS=14 OLDEST_BACKUP_HOURS=26 OLDEST_DRILL_HOURS=216
SERVICES=(ingest storage indexer notifier search)
READ_METRICS='import urllib.request as r; print(r.urlopen("http://127.0.0.1:9000/metrics", timeout=5).read().decode())'

main() {
  folder=/srv/letterbox host='' since=1h
  ssh_options=()
  attention=0
  while [ $# -gt 0 ]; do
    case $1 in
      --help | -h) usage && exit 0 ;;
      --dry-run) DRY_RUN=1 ;;
      --folder) needs_value "$@" && folder=$2 && shift ;;
      --host) needs_value "$@" && host=$2 && shift ;;
      --ssh-option) needs_value "$@" && ssh_options+=(-o "$2") && shift ;;
      --since) needs_value "$@" && since=$2 && shift ;;
      *) fail "unknown option $1 (see --help)" 2 ;;
    esac
    shift
  done
  if [ -n "$host" ]; then elsewhere; fi
  if [ -n "$DRY_RUN" ]; then
    say "would ask docker compose, df, openssl and the backups about $folder/app"
    return
  fi
  cd "$folder/app" 2>/dev/null || fail "there is no deployment in $folder"
  docker info >/dev/null 2>&1 || fail 'Docker does not answer, or may not be used by this user'
  say "Letterbox $(cat REVISION 2>/dev/null || echo unknown) on $(hostname), $(date -u +%FT%TZ)"
  containers
  backlog
  errors
  disk
  certificate
  backups
  return "$attention"
}

# The same, there.
elsewhere() {
  run ssh "${ssh_options[@]}" "$host" "$folder/app/scripts/monitor-deployment.sh --folder $folder --since $since"
  exit
}

# line MARK NAME TEXT: MARK is ! for what wants attention.
line() {
  if [ "$1" = '!' ]; then attention=1; fi
  printf '%s %-14s %s\n' "$1" "$2" "$3"
}

heading() {
  printf '\n%s\n' "$1"
}

# Every service of the project, those that are stopped or missing as well; only what is never restarted may have ended.
containers() {
  local name state health code status listed once
  heading 'Containers'
  listed=$(docker compose ps --all --format '{{.Service}} {{.State}} {{if .Health}}{{.Health}}{{else}}-{{end}} {{.ExitCode}} {{.Status}}' | sort)
  for name in $(docker compose config --services | sort); do
    if ! grep -q "^$name " <<<"$listed"; then line '!' "$name" 'has no container'; fi
  done
  once=$(docker compose ps --all --quiet | xargs docker inspect --format \
    '{{if eq .HostConfig.RestartPolicy.Name "no"}}{{index .Config.Labels "com.docker.compose.service"}}{{end}}')
  while read -r name state health code status; do
    if [ "$state/$code" = exited/0 ] && grep -qx "$name" <<<"$once"; then state=ended; fi
    case $state/$health in
      running/healthy | running/- | ended/*) line ' ' "$name" "$status" ;;
      *) line '!' "$name" "$state $health: $status" ;;
    esac
  done <<<"$listed"
}

# What each service's consumers have not settled, and what was given up on, as the services count it.
backlog() {
  local service metrics
  heading 'Backlog'
  for service in "${SERVICES[@]}"; do
    if metrics=$(docker compose exec -T "$service" /app/bin/python -I -c "$READ_METRICS" 2>/dev/null); then
      while read -r durable count; do
        if [ "$count" -gt "$MOST_PENDING" ]; then line '!' "$durable" "$count waiting"; else line ' ' "$durable" "$count waiting"; fi
      done < <(sed -n 's/^consumer_pending{durable="\([^"]*\)"} \([0-9]*\).*/\1 \2/p' <<<"$metrics")
      while read -r durable count; do
        if [ "$count" -gt 0 ]; then line '!' "$durable" "$count dead letters since its start: letterbox dead-letters"; fi
      done < <(sed -n 's/^dead_letters_total{durable="\([^"]*\)"} \([0-9]*\).*/\1 \2/p' <<<"$metrics")
    else
      line '!' "$service" 'does not answer'
    fi
  done
}

errors() {
  local service count
  heading "Errors in the last $since"
  for service in "${SERVICES[@]}"; do
    count=$(docker compose logs --no-color --no-log-prefix --since "$since" "$service" 2>/dev/null | grep -ciE '"level": ?"(error|critical)"' || true)
    if [ "$count" -gt 0 ]; then line '!' "$service" "$count: docker compose logs --since $since $service"; else line ' ' "$service" none; fi
  done
}

disk() {
  local path used free mount seen=''
  heading 'Disk'
  for path in / "$folder" "$(docker info --format '{{.DockerRootDir}}')"; do
    read -r used free mount < <(df --output=pcent,avail,target -h "$path" 2>/dev/null | tail -n 1) || continue
    case " $seen " in *" $mount "*) continue ;; esac
    seen+=" $mount"
    if [ $((100 - ${used%\%})) -lt "$LEAST_FREE_PERCENT" ]; then line '!' "$mount" "$used used, $free free"; else line ' ' "$mount" "$used used, $free free"; fi
  done
}

# What the gateway shows to a visitor; one of its own authority lives for hours and is renewed by itself.
certificate() {
  local name container end days least=$LEAST_CERTIFICATE_DAYS
  heading 'Certificate'
  name=$(setting .env LETTERBOX_SITE_ADDRESS)
  if [ "$name" = localhost ]; then least=0; fi
  container=$(docker compose port caddy 443 2>/dev/null || true)
  end=$(openssl s_client -connect "${container/0.0.0.0/127.0.0.1}" -servername "$name" </dev/null 2>/dev/null |
    openssl x509 -noout -enddate 2>/dev/null | cut -d = -f 2) || true
  if [ -z "$end" ]; then
    line '!' "$name" 'no certificate could be read'
    return
  fi
  days=$((($(date -d "$end" +%s) - $(date +%s)) / 86400))
  if [ "$days" -lt "$least" ]; then line '!' "$name" "ends $end"; else line ' ' "$name" "ends $end"; fi
}

# As `letterbox backup` and `letterbox drill` leave it for node exporter.
backups() {
  local folder
  heading 'Backups'
  folder=$(setting .env LETTERBOX_BACKUPS)
  last backup "${folder:-backups}/metrics" "$OLDEST_BACKUP_HOURS"
  last drill "${folder:-backups}/metrics" "$OLDEST_DRILL_HOURS"
}

# last NAME FOLDER HOURS: when it went well last, and whether that is too long ago.
last() {
  local at hours file=$2/letterbox_$1.prom
  at=$(sed -n "s/^letterbox_$1_last_success_timestamp_seconds \([0-9]*\).*/\1/p" "$file" 2>/dev/null || true)
  if [ -z "$at" ]; then
    line '!' "$1" "none is known ($file)"
    return
  fi
  hours=$((($(date +%s) - at) / 3600))
  if [ "$hours" -gt "$3" ]; then line '!' "$1" "$hours h ago"; else line ' ' "$1" "$hours h ago"; fi
}

main "$@"
