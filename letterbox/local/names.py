"""The names of a local stack's parts."""

from letterbox.local import antivirus

SERVICES = ("ingest", "storage", "indexer", "notifier", "search")
ALL = ("nats", "postgres", "object-store", "mail", *SERVICES, "caddy")
SERVERS = ("nats", "postgres", "object-store", "mail", antivirus.NAME)
