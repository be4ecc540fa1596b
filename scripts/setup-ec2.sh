#!/usr/bin/env bash
# Prepare this machine (Debian or Ubuntu; on EC2 or anywhere) and start Letterbox on it. Doing it again changes nothing
# that is there: it fetches the code anew and starts what is not running.
#
# Usage: sudo scripts/setup-ec2.sh --domain NAME --owner ADDRESS [options]
#
# 1. The data volume is mounted (--device; scripts/data-volume.sh: only an empty one is given a file system).
# 2. Docker with compose is installed, if it is not there; its data lives in FOLDER/docker.
# 3. The code is cloned into FOLDER/source (or fetched there), and laid ready in FOLDER/incoming.
# 4. .env and secrets/ are written into FOLDER/app, if they are not there; the owner's key goes into FOLDER/owner.key.
# 5. The release starts (scripts/release.sh), and this script waits until everything is healthy.
# 6. systemd's timers make a backup each night, bring erased ids to the backups every two minutes, and restore the newest
#    backup beside the live system each Sunday (deploy/systemd). Backups go to FOLDER/backups.
#
#   --domain NAME         the site's name, which points to this machine (default localhost)
#   --owner ADDRESS       who is told of messages
#   --sender ADDRESS      where mails come from (default letterbox@DOMAIN)
#   --smtp HOST[:PORT]    the mail server
#   --ses REGION          send by SES instead, with the machine's role
#   --repository URL      what to clone
#   --ref REF             branch, tag or commit (default main)
#   --folder FOLDER       where Letterbox lives (default /srv/letterbox)
#   --backup-copy-to REMOTE  where rclone copies backups to, for example :s3,provider=AWS,env_auth=true:bucket/letterbox
#   --device DEVICE       the data volume, mounted on FOLDER
#   --build-option OPTION pass an option on to `docker build`; may be repeated
#   --dry-run             say what would be done, and change nothing
set -Eeuo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/dry-run.sh
. "$here/dry-run.sh"

DOCKER=(docker-ce docker-ce-cli containerd.io docker-buildx-plugin docker-compose-plugin)
TOOLS=(git rsync python3 openssl ca-certificates curl)
OLDEST_COMPOSE=5
TIMERS=(letterbox-backup.timer letterbox-erasures.timer letterbox-drill.timer)
UNITS=${UNITS:-/etc/systemd/system}
export DEBIAN_FRONTEND=noninteractive PYTHONDONTWRITEBYTECODE=1

main() {
  domain=localhost owner='' sender='' smtp='' ses='' repository='' ref=main folder=/srv/letterbox device='' copy_to=''
  build_options=()
  parse "$@"
  [ "$(id -u)" = 0 ] || [ -n "$DRY_RUN" ] || fail 'needs root: sudo scripts/setup-ec2.sh ...'
  if [ -n "$device" ]; then mount_volume; fi
  run mkdir -p "$folder"
  install_tools
  install_docker
  get_code
  write_settings
  start
  install_timers
}

parse() {
  while [ $# -gt 0 ]; do
    case $1 in
      --help | -h) usage && exit 0 ;;
      --dry-run) DRY_RUN=1 && shift && continue ;;
    esac
    needs_value "$@"
    case $1 in
      --domain) domain=$2 ;;
      --owner) owner=$2 ;;
      --sender) sender=$2 ;;
      --smtp) smtp=$2 ;;
      --ses) ses=$2 ;;
      --repository) repository=$2 ;;
      --ref) ref=$2 ;;
      --folder) folder=$2 ;;
      --backup-copy-to) copy_to=$2 ;;
      --device) device=$2 ;;
      --build-option) build_options+=("$1" "$2") ;;
      *) fail "unknown option $1 (see --help)" 2 ;;
    esac
    shift 2
  done
  [ -n "$owner" ] || [ -f "$folder/app/.env" ] || fail 'needs --owner (see --help)' 2
  [ -n "$repository" ] || [ -d "$folder/source/.git" ] || fail 'needs --repository (see --help)' 2
}

mount_volume() {
  local option=()
  if [ -n "$DRY_RUN" ]; then option=(--dry-run); fi
  "$here/data-volume.sh" "${option[@]}" "$device" "$folder"
}

install_tools() {
  local missing=() tool
  if [ -n "$copy_to" ]; then TOOLS+=(rclone); fi
  for tool in "${TOOLS[@]}"; do
    dpkg-query --show --showformat '${Status}' "$tool" 2>/dev/null | grep -q 'ok installed' || missing+=("$tool")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    run apt-get update -qq
    run apt-get install -qq -y --no-install-recommends "${missing[@]}"
  fi
  [ -n "$DRY_RUN" ] || python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail 'needs Python 3.11 or later'
}

# From Docker's own packages: a distribution's compose is often too old for docker-compose.yml.
install_docker() {
  local version
  if ! command -v docker >/dev/null; then
    if [ ! -e /etc/docker/daemon.json ]; then
      run install -d -m 0755 /etc/docker
      run write /etc/docker/daemon.json "{\"data-root\": \"$folder/docker\", \"live-restore\": true}"
    fi
    add_docker_packages
    run apt-get update -qq
    run apt-get install -qq -y --no-install-recommends "${DOCKER[@]}"
    run systemctl enable --now docker
  fi
  if [ -n "$DRY_RUN" ]; then return; fi
  docker info >/dev/null 2>&1 || fail 'Docker is installed and does not answer: systemctl status docker'
  version=$(docker compose version --short 2>/dev/null) || fail 'docker compose is not installed (the plugin)'
  version=${version#v}
  [ "${version%%.*}" -ge "$OLDEST_COMPOSE" ] || fail "needs docker compose $OLDEST_COMPOSE or later, not $version"
}

add_docker_packages() {
  local system codename key=/etc/apt/keyrings/docker.asc
  # shellcheck disable=SC1091
  system=$(. /etc/os-release && printf '%s' "$ID")
  # shellcheck disable=SC1091
  codename=$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")
  case $system in
    debian | ubuntu) ;;
    *) fail "knows Debian and Ubuntu, not $system: install Docker and its compose plugin, then run this again" ;;
  esac
  run install -d -m 0755 /etc/apt/keyrings
  run curl -fsSL --output "$key" "https://download.docker.com/linux/$system/gpg"
  run write /etc/apt/sources.list.d/docker.list \
    "deb [arch=$(dpkg --print-architecture) signed-by=$key] https://download.docker.com/linux/$system $codename stable"
}

write() {
  printf '%s\n' "$2" >"$1"
}

get_code() {
  local source=$folder/source
  if [ ! -d "$source/.git" ]; then
    run git clone --quiet "$repository" "$source"
  elif [ -n "$repository" ]; then
    run git -C "$source" remote set-url origin "$repository"
  fi
  run git -C "$source" fetch --quiet --tags origin "$ref"
  run git -C "$source" checkout --quiet --detach FETCH_HEAD
  run mkdir -p "$folder/incoming" "$folder/app"
  run rsync --archive --checksum --delete --delete-excluded --chmod=u=rwX,go=rX \
    --filter="merge $source/deploy/host.filter" "$source/" "$folder/incoming/"
  if [ -z "$DRY_RUN" ]; then
    git -C "$source" describe --always --abbrev=12 >"$folder/incoming/REVISION"
  fi
}

# Nothing that is there is overwritten. The owner's key is shown only once, so it is kept for whoever may read as root.
write_settings() {
  local said asked=(--domain "$domain" --owner "$owner" --secrets "$folder/app/secrets" --env "$folder/app/.env") new=no
  if [ -n "$sender" ]; then asked+=(--sender "$sender"); fi
  if [ -n "$smtp" ]; then asked+=(--smtp "$smtp"); fi
  if [ -n "$DRY_RUN" ]; then
    say "would write what is missing of $folder/app/.env and $folder/app/secrets"
    return
  fi
  [ -e "$folder/app/.env" ] || new=yes
  said=$(cd "$folder/incoming" && python3 -m letterbox.setup "${asked[@]}")
  case $said in
    *lbx_*)
      (umask 077 && sed -n 's/.*\(lbx_[A-Za-z0-9_-]*\).*/\1/p' <<<"$said" >"$folder/owner.key")
      say "The owner's key is in $folder/owner.key."
      ;;
  esac
  if [ "$new" = yes ] && [ -n "$ses" ]; then
    sed -i 's/^LETTERBOX_MAIL_CHANNEL=.*/LETTERBOX_MAIL_CHANNEL=ses/' "$folder/app/.env"
    printf 'LETTERBOX_SES_REGION=%s\n' "$ses" >>"$folder/app/.env"
  fi
  if [ "$new" = yes ]; then
    printf 'LETTERBOX_BACKUPS=%s\n' "$folder/backups" >>"$folder/app/.env"
    if [ -n "$copy_to" ]; then printf 'LETTERBOX_BACKUP_COPY_TO=%s\n' "$copy_to" >>"$folder/app/.env"; fi
    # A receipt of an erasure waits until its id is where the backups are, which the timer brings there.
    if has_systemd; then printf 'LETTERBOX_BACKUP_TO=/backups\n' >>"$folder/app/.env"; fi
  fi
}

start() {
  local option=()
  if [ -n "$DRY_RUN" ]; then
    say "would start the release in $folder/incoming"
    return
  fi
  "$folder/incoming/scripts/release.sh" --folder "$folder" "${build_options[@]}" "${option[@]}"
}

has_systemd() {
  [ -d /run/systemd/system ]
}

install_timers() {
  local unit
  if ! has_systemd && [ -z "$DRY_RUN" ]; then
    say "systemd does not run here: have something else call backup-data.sh, backup-data.sh --erasures, drill-data.sh."
    return
  fi
  for unit in "$here"/../deploy/systemd/letterbox-*; do
    run install_unit "$unit"
  done
  run systemctl daemon-reload
  run systemctl enable --now "${TIMERS[@]}"
}

# Its commands are those of the release that runs.
install_unit() {
  sed "s,/srv/letterbox,$folder,g" "$1" >"$UNITS/${1##*/}"
}

main "$@"
