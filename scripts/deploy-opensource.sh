#!/usr/bin/env bash
# Deploy what is checked out here to a host that scripts/setup-ec2.sh has prepared.
#
# Usage: scripts/deploy-opensource.sh --host [USER@]HOST [options]
#
# Sends the files by rsync over SSH and lets the host change over (scripts/release.sh): only containers whose image or
# mounted files changed are replaced, the script waits until everything is healthy, and what ran before comes back when
# it does not become healthy. Images are
#   built on the host                            without --registry,
#   built here, pushed, pulled by the host       with --registry,
#   pulled by the host as somebody published     with --registry and --pull.
#
#   --host [USER@]HOST    the host; i-0123456789abcdef0 is reached through AWS Systems Manager, with no open port
#   --port PORT           of SSH (default 22)
#   --identity FILE       the private key
#   --ssh-option OPTION   one more option for ssh -o; may be repeated
#   --folder FOLDER       where Letterbox lives on the host (default /srv/letterbox)
#   --registry REGISTRY   for example ghcr.io/owner/ (you and the host are logged in to it)
#   --pull TAG            take the images that were published by this tag
#   --build-option OPTION pass an option on to `docker build`; may be repeated
#   --timeout SECONDS     how long containers may take to become healthy (default 300)
#   --allow-dirty         deploy changes that are not committed, too
#   --dry-run             say what would be done, and change nothing
#
# Exit status: 0 it runs; 1 it does not, and what ran before runs; 2 wrong call; 3 neither runs: look at the host.
set -Eeuo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/dry-run.sh
. "$here/dry-run.sh"
# shellcheck source=scripts/images.sh
. "$here/images.sh"

SSM='aws ssm start-session --target %h --document-name AWS-StartSSHSession --parameters portNumber=%p'

main() {
  host='' port=22 identity='' folder=/srv/letterbox registry='' pull='' timeout=300 allow_dirty=no
  ssh_options=() build_options=() release=()
  parse "$@"
  repository=$(git -C "$here" rev-parse --show-toplevel) || fail 'this is no git repository'
  if [ "$allow_dirty" = no ] && [ -n "$(git -C "$repository" status --porcelain)" ]; then
    fail 'there are changes that are not committed (--allow-dirty deploys them, too)'
  fi
  connect
  release=(--folder "$folder" --timeout "$timeout")
  choose_images
  if [ -n "$DRY_RUN" ]; then release+=(--dry-run); fi
  say "Deploying $(revision) to $host ..."
  send
  remote "$folder/incoming/scripts/release.sh" "${release[@]}"
}

parse() {
  while [ $# -gt 0 ]; do
    case $1 in
      --help | -h) usage && exit 0 ;;
      --dry-run) DRY_RUN=1 && shift && continue ;;
      --allow-dirty) allow_dirty=yes && shift && continue ;;
    esac
    needs_value "$@"
    case $1 in
      --host) host=$2 ;;
      --port) port=$2 ;;
      --identity) identity=$2 ;;
      --ssh-option) ssh_options+=(-o "$2") ;;
      --folder) folder=$2 ;;
      --registry) registry=${2%/}/ ;;
      --pull) pull=$2 ;;
      --build-option) build_options+=("$2") ;;
      --timeout) timeout=$2 ;;
      *) fail "unknown option $1 (see --help)" 2 ;;
    esac
    shift 2
  done
  [ -n "$host" ] || fail 'needs --host (see --help)' 2
  [[ $folder =~ ^/[A-Za-z0-9/._-]+$ ]] || fail "--folder is an absolute path without blanks, not $folder" 2
  [ -z "$pull" ] || [ -n "$registry" ] || fail '--pull needs --registry' 2
}

# How the host is reached, and whether its user is root there or asks sudo.
connect() {
  ssh_options+=(-p "$port" -o BatchMode=yes)
  if [ -n "$identity" ]; then ssh_options+=(-i "$identity"); fi
  case ${host#*@} in
    i-*)
      command -v aws >/dev/null || fail 'needs the AWS command line, with its session-manager-plugin'
      ssh_options+=(-o "ProxyCommand=$SSM")
      ;;
  esac
  as_root=()
  if [ -n "$DRY_RUN" ]; then return; fi
  local id
  id=$(ssh "${ssh_options[@]}" "$host" id -u) || fail "$host cannot be reached by SSH"
  if [ "$id" != 0 ]; then as_root=(sudo -n); fi
}

# Build and push here, or tell the host where its images come from.
choose_images() {
  local one name
  if [ -n "$pull" ]; then
    release+=(--pull "$pull" --registry "$registry")
  elif [ -n "$registry" ]; then
    for one in "${IMAGES[@]}"; do
      build_image "$repository" "$registry" "$one" "${build_options[@]}"
      name=$(name_by_content "$registry" "$one" "$built")
      run docker push --quiet "$name"
      release+=(--image "$one=$name")
    done
  else
    for one in "${build_options[@]}"; do release+=(--build-option "$one"); done
  fi
}

# Into `incoming`: nothing that runs is touched.
send() {
  local sudo="${as_root[*]}" marker
  marker=$(mktemp)
  # shellcheck disable=SC2064  # its name as it is now
  trap "rm -f '$marker'" EXIT
  revision >"$marker"
  run rsync --archive --checksum --delete --delete-excluded --chmod=u=rwX,go=rX --no-owner --no-group \
    --rsh="$(remote_shell)" --rsync-path="$sudo mkdir -p $folder/incoming && $sudo rsync" \
    --filter="merge $repository/deploy/host.filter" "$repository/" "$host:$folder/incoming/"
  run rsync --chmod=u=rw,go=r --rsh="$(remote_shell)" --rsync-path="$sudo rsync" \
    "$marker" "$host:$folder/incoming/REVISION"
}

revision() {
  git -C "$repository" describe --always --dirty --abbrev=12
}

# Execute on the host, as root.
remote() {
  run ssh "${ssh_options[@]}" "$host" "$(quoted "${as_root[@]}" "$@")"
}

# As rsync wants it: words in single quotes.
remote_shell() {
  printf "'%s' " ssh "${ssh_options[@]}"
}

quoted() {
  printf '%q ' "$@"
}

main "$@"
