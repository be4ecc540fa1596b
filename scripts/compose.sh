# shellcheck shell=bash
# Sourced after dry-run.sh: how Compose is called, by COMPOSE (`docker compose`).

compose() {
  local program
  read -r -a program <<<"${COMPOSE:-docker compose}"
  run "${program[@]}" "$@"
}

# operator SERVICE VERB ...: the operator's command as whoever runs the script, so that files are theirs.
operator() {
  compose run --rm -T --no-deps --user "$(id -u):$(id -g)" "$@"
}
