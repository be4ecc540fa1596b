#!/usr/bin/env bash
# Writes docs/status-reports/<date>-<alert>.md: the template, filled in from an alert of Alertmanager's.
set -Eeuo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)

usage() {
  cat <<'EOF'
Usage: scripts/new-status-report.sh ALERT [--url URL | --json FILE] [--folder FOLDER] [--author NAME]

Fills docs/status-reports/TEMPLATE.md from the alert named ALERT and prints the new file's name.

  --url URL        ask this Alertmanager (default: http://127.0.0.1:9093, or $LETTERBOX_ALERTMANAGER_URL)
  --json FILE      read the alerts from a file instead: what `amtool alert query -o json` or a webhook wrote; - is stdin
  --folder FOLDER  where to write (default: docs/status-reports)
  --author NAME    who writes it (default: git's user.name)
  --help           this text

An alert that is over is no longer known to Alertmanager: keep its JSON, or write the report while it lasts.
EOF
}

die() {
  echo "new-status-report: $*" >&2
  exit 1
}

# A wrong call.
wrong() {
  echo "new-status-report: $*; --help says more" >&2
  exit 2
}

alert="" json="" folder=$root/docs/status-reports
url=${LETTERBOX_ALERTMANAGER_URL:-http://127.0.0.1:9093}
author=$(git config user.name 2>/dev/null || true)
while [ $# -gt 0 ]; do
  case "$1" in
    --help | -h) usage && exit 0 ;;
    --url | --json | --folder | --author)
      [ $# -ge 2 ] || wrong "$1 needs a value"
      printf -v "${1#--}" '%s' "$2"
      shift
      ;;
    -*) wrong "there is no option $1" ;;
    *)
      [ -z "$alert" ] || wrong "one alert at a time"
      alert=$1
      ;;
  esac
  shift
done
[ -n "$alert" ] || wrong "which alert?"
[[ $alert =~ ^[A-Za-z]+$ ]] || die "$alert is no name of an alert"
[ -f "$root/docs/runbooks/$alert.md" ] || die "there is no alert $alert: docs/runbooks/README.md lists them"
[ -d "$folder" ] || die "$folder is no folder"

case "$json" in
  "") alerts=$(curl -fsS --max-time 10 "${url%/}/api/v2/alerts") || die "Alertmanager does not answer at $url" ;;
  -) alerts=$(cat) ;;
  *) alerts=$(cat -- "$json") || die "$json cannot be read" ;;
esac

# Python rather than jq: it is there wherever Letterbox is.
ALERTS=$alerts ALERT=$alert AUTHOR=${author:-?} FOLDER=$folder ROOT=$root python3 - <<'EOF'
import json
import os
import pathlib
import sys

name = os.environ["ALERT"]
try:
    known = json.loads(os.environ["ALERTS"])
except ValueError:
    sys.exit("new-status-report: what was read is no JSON")
alerts = known.get("alerts", []) if isinstance(known, dict) else known
ours = sorted((one for one in alerts if one["labels"].get("alertname") == name), key=lambda one: one["startsAt"])
if not ours:
    sys.exit(f"new-status-report: no alert {name} among {len(alerts)}")
first = ours[0]
ended = first["endsAt"] if first.get("status") == "resolved" else "it lasts"
others = sorted((key, value) for key, value in first["labels"].items() if key not in ("alertname", "severity"))
labels = " ".join(f"{key}={value}" for key, value in others)
values = {
    "date": first["startsAt"][:10],
    "alert": name,
    "summary": first["annotations"].get("summary", ""),
    "severity": first["labels"].get("severity", ""),
    "labels": labels or "none",
    "began": first["startsAt"][:19] + "Z",
    "ended": ended[:19] + "Z" if ended[:1].isdigit() else ended,
    "runbook": f"[{name}](../runbooks/{name}.md)",
    "author": os.environ["AUTHOR"],
}
text = pathlib.Path(os.environ["ROOT"], "docs/status-reports/TEMPLATE.md").read_text(encoding="utf-8")
for key, value in values.items():
    text = text.replace("{{" + key + "}}", value.replace("|", "/").replace("\n", " "))
report = pathlib.Path(os.environ["FOLDER"]) / f"{values['date']}-{name}.md"
if report.exists():
    sys.exit(f"new-status-report: {report} is there already")
report.write_text(text, encoding="utf-8")
print(report)
EOF
