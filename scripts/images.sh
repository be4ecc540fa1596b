# shellcheck shell=bash
# Sourced after dry-run.sh: our six images, built from a folder when what goes into them changed, named by what is in them.

# shellcheck disable=SC2034  # read by those that source this
IMAGES=(ingest storage indexer notifier search operator)
CONTENT_PREFIX=content- INPUTS_PREFIX=inputs-

# build_image FOLDER REGISTRY NAME [OPTION ...]: build what is not built yet; `built` says its name.
build_image() {
  local folder=$1 registry=$2 name=$3 revision=unknown inputs
  shift 3
  if [ -f "$folder/REVISION" ]; then revision=$(cat "$folder/REVISION"); fi
  inputs=$(hash_of_inputs "$folder" "$name" "$@")
  built=${registry}letterbox-$name:$INPUTS_PREFIX$inputs
  if docker image inspect "$built" >/dev/null 2>&1; then return; fi
  say "Building $name ..."
  run docker build --quiet --file "$folder/deploy/Dockerfile" --tag "$built" \
    --build-arg "SERVICE=$name" --build-arg "REVISION=$revision" "$@" "$folder" | sed '/^sha256:/d'
}

# Everything that .dockerignore lets near an image, but for the code of services that are not in this one.
hash_of_inputs() {
  local folder=$1 name=$2 own
  shift 2
  case $name in
    operator) own='storage|indexer' ;; # as in deploy/Dockerfile
    *) own=$name ;;
  esac
  {
    printf '%s\n' "$name" "$@"
    cd "$folder" && sed -n 's/^!//p' .dockerignore | xargs -I '{}' find '{}' .dockerignore deploy/Dockerfile -type f ! -name '*.pyc' |
      awk -F / -v own="^($own)\$" '$1 != "services" || NF == 2 || $2 ~ own' | sort --unique | xargs sha256sum
  } | sha256sum | cut -c 1-12
}

# name_by_content REGISTRY NAME IMAGE: give the image a tag made of its layers and of how it starts, and print its name.
# The same content has the same name whenever and wherever it was built, so compose leaves its container alone.
name_by_content() {
  local form content name
  if [ -n "$DRY_RUN" ]; then
    printf '%sletterbox-%s:%s...' "$1" "$2" "$CONTENT_PREFIX"
    return
  fi
  form='{{json .RootFS.Layers}} {{json .Config.Env}} {{json .Config.Entrypoint}} {{json .Config.Cmd}} {{.Config.User}} {{.Config.WorkingDir}}'
  content=$(docker image inspect --format "$form" "$3" | sha256sum | cut -c 1-12)
  name=$1letterbox-$2:$CONTENT_PREFIX$content
  if docker image inspect "$name" >/dev/null 2>&1; then docker tag "$name" "$3"; else docker tag "$3" "$name"; fi
  printf '%s' "$name"
}
