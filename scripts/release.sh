#!/usr/bin/env bash
# On the host: make the release that lies in FOLDER/incoming the one that runs, or go back to the one that ran.
#
# Usage: scripts/release.sh [options]                   (deploy-opensource.sh and setup-ec2.sh call it)
#
# Only containers whose image or mounted files changed are replaced. When one of them does not become healthy, files and
# images of the release before are put back; the schema of the database stays, and older code runs on it (migrations
# only add). Migrations run first: when one fails, nothing is replaced. Exit status: 0 it runs, 1 it does not and the release before runs, 3 neither runs.
#
#   --folder FOLDER       where Letterbox lives on this host (default /srv/letterbox): app runs, previous ran before
#   --pull TAG            take the images by that tag from the registry instead of building them
#   --registry REGISTRY   for example ghcr.io/owner/ (default LETTERBOX_REGISTRY of .env)
#   --image NAME=IMAGE    take this image for ingest, storage, indexer, notifier, search or operator; once for each
#   --build-option OPTION pass an option on to `docker build`; may be repeated
#   --settings            only apply changed .env and secrets: the same files and images
#   --timeout SECONDS     how long containers may take to become healthy (default 300)
#   --dry-run             say what would be done, and change nothing
set -Eeuo pipefail
# shellcheck source=scripts/dry-run.sh
. "$(dirname "${BASH_SOURCE[0]}")/dry-run.sh"
# shellcheck source=scripts/images.sh
. "$(dirname "${BASH_SOURCE[0]}")/images.sh"
# shellcheck source=scripts/settings.sh
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"

ROLL_BACK_SECONDS=300
RELEASE=release.yml
export PYTHONDONTWRITEBYTECODE=1

main() {
  local folder=/srv/letterbox pull='' registry='' timeout=300 settings_only=no
  build_options=()
  images=()
  while [ $# -gt 0 ]; do
    case $1 in
      --help | -h) usage && exit 0 ;;
      --dry-run) DRY_RUN=1 ;;
      --settings) settings_only=yes ;;
      --folder) needs_value "$@" && folder=$2 && shift ;;
      --pull) needs_value "$@" && pull=$2 && shift ;;
      --registry) needs_value "$@" && registry=$2 && shift ;;
      --image) needs_value "$@" && images+=("$2") && shift ;;
      --build-option) needs_value "$@" && build_options+=("$2") && shift ;;
      --timeout) needs_value "$@" && timeout=$2 && shift ;;
      *) fail "unknown option $1 (see --help)" 2 ;;
    esac
    shift
  done
  folder=$(realpath --canonicalize-missing "$folder")
  app=$folder/app previous=$folder/previous incoming=$folder/incoming
  check
  exec 9>"$folder/.release.lock"
  flock --nonblock 9 || fail "another release is under way in $folder"
  if [ "$settings_only" = yes ]; then
    apply_settings "$timeout"
    return
  fi
  get_images "${registry:-$(setting "$app/.env" LETTERBOX_REGISTRY)}" "$pull"
  keep_previous
  run copy "$incoming" "$app"
  if go "$timeout"; then
    remove_old_images
    say "The release runs: $(revision "$app")."
  else
    go_back
  fi
}

check() {
  [ -f "$incoming/docker-compose.yml" ] || fail "there is no release in $incoming"
  [ -f "$app/.env" ] || fail "there is no $app/.env: scripts/setup-ec2.sh writes it"
  command -v rsync >/dev/null || fail 'rsync is not installed'
  docker info >/dev/null 2>&1 || fail 'Docker does not answer, or may not be used by this user'
  docker compose version >/dev/null 2>&1 || fail 'docker compose is not installed'
}

# What runs, with the settings as they are now. There is nothing to go back to: settings are the operator's.
apply_settings() {
  local image
  [ -f "$app/$RELEASE" ] || fail "nothing runs in $app yet"
  for image in $(images_of "$app/$RELEASE" | sort -u); do
    images+=("$(sed -E 's/.*letterbox-([a-z]+):.*/\1/' <<<"$image")=$image")
  done
  if go "$1"; then
    say 'The settings are applied.'
  else
    complaints >&2
    fail "with these settings it does not become healthy: mend $app/.env and run this again" 3
  fi
}

# get_images REGISTRY TAG: fill `images` with NAME=IMAGE, each image named by its content.
get_images() {
  local registry=$1 tag=$2 one
  if [ ${#images[@]} -gt 0 ]; then
    for one in "${images[@]}"; do
      if ! docker image inspect "${one#*=}" >/dev/null 2>&1; then run docker pull --quiet "${one#*=}"; fi
    done
    return
  fi
  for one in "${IMAGES[@]}"; do
    if [ -n "$tag" ]; then
      run docker pull --quiet "${registry}letterbox-$one:$tag"
      images+=("$one=$(name_by_content "$registry" "$one" "${registry}letterbox-$one:$tag")")
    else
      build_image "$incoming" "$registry" "$one" "${build_options[@]}"
      images+=("$one=$(name_by_content "$registry" "$one" "$built")")
    fi
  done
}

# What runs now, to go back to; nothing before the first release.
keep_previous() {
  if [ -f "$app/$RELEASE" ]; then
    run mkdir -p "$previous"
    run copy "$app" "$previous"
    run cp --preserve "$app/$RELEASE" "$previous/$RELEASE"
  fi
}

# Files of a release, from folder to folder; what belongs to the host stays.
copy() {
  rsync --archive --delete --exclude=/.env --exclude=/secrets/ --exclude=/backups/ --exclude="/$RELEASE" "$1/" "$2/"
}

# Bring up what lies in `app`; fails when something is not healthy in time.
go() {
  if [ -n "$DRY_RUN" ]; then
    say "would run: docker compose up --detach --wait, with $RELEASE for: ${images[*]}"
    return
  fi
  cd "$app" || return
  name_release_in_settings
  python3 -m letterbox.setup >/dev/null || return
  printf 'services: {}\n' >"$RELEASE"
  docker compose --profile '*' config --format json | python3 -m letterbox.release "${images[@]}" >"$RELEASE.new" || return
  mv "$RELEASE.new" "$RELEASE"
  migrate && up "$1"
}

# First, and alone: where it fails nothing that runs was touched. `up` would have stopped what depends on it by then.
migrate() {
  if docker compose ps --quiet --status running postgres | grep -q .; then
    docker compose --progress quiet run --rm -T --no-deps --quiet-pull migrate || return
  fi
}

up() {
  docker compose --progress quiet up --detach --no-build --remove-orphans --quiet-pull --wait --wait-timeout "$1"
}

# So that `docker compose` typed on the host speaks of the same images.
name_release_in_settings() {
  local files
  files=$(setting .env COMPOSE_FILE)
  case ":${files:=docker-compose.yml}:" in
    *":$RELEASE:"*) ;;
    *)
      sed -i '/^COMPOSE_FILE=/d' .env
      printf 'COMPOSE_FILE=%s:%s\n' "$files" "$RELEASE" >>.env
      ;;
  esac
}

go_back() {
  say 'The release did not become healthy:' >&2
  complaints >&2
  [ -f "$previous/$RELEASE" ] || fail 'there is no release before it to go back to; its containers are left for you to look at' 3
  say "Going back to $(revision "$previous") ..." >&2
  copy "$previous" "$app"
  cp --preserve "$previous/$RELEASE" "$app/$RELEASE"
  python3 -m letterbox.setup >/dev/null
  up "$ROLL_BACK_SECONDS" || fail 'the release before it did not become healthy either: see docker compose ps --all' 3
  fail "went back: $(revision "$previous") runs. The new release is in $incoming" 1
}

# What is not well, and the end of its log.
complaints() {
  local name state
  docker compose ps --all --format '{{.Service}} {{.State}}/{{.Health}}/{{.ExitCode}}' |
    { grep -vE ' (running/healthy/|exited//0|created/)' || true; } |
    while read -r name state; do
      printf -- '--- %s: %s\n' "$name" "$state"
      docker compose logs --no-color --no-log-prefix --tail 15 "$name" </dev/null
    done
}

# Images of ours that neither this release nor the one before names.
remove_old_images() {
  local kept ids repository name id
  kept=$(images_of "$app/$RELEASE" "$previous/$RELEASE" | sort -u)
  ids=$(xargs docker image inspect --format '{{.ID}}' <<<"$kept" 2>/dev/null || true)
  printf '%s\n' "${kept//:$CONTENT_PREFIX/ }" | cut -d ' ' -f 1 | sort -u | while read -r repository; do
    docker image ls --format '{{.Repository}}:{{.Tag}} {{.ID}}' "$repository" | grep -E ":($CONTENT_PREFIX|$INPUTS_PREFIX)" |
      while read -r name id; do
        if ! grep -q "^sha256:$id" <<<"$ids"; then docker image rm "$name" >/dev/null 2>&1 || true; fi
      done
  done
}

images_of() {
  sed -n 's/^ *"image": "\(.*\)",\{0,1\}$/\1/p' "$@" 2>/dev/null || true
}

revision() {
  if [ -f "$1/REVISION" ]; then cat "$1/REVISION"; else printf 'unknown'; fi
}

main "$@"
