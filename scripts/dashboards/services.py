"""One dashboard for each service: what only it does, then what every service has."""

from grafana_foundation_sdk.builders import dashboard

from libs.events.streams import DURABLES
from scripts.dashboards.panels import Panel, Query, board, lines, log_lines, number, quantiles, rate, row

WITH_POSTGRES = ("storage", "notifier", "search")
WITH_OBJECTS = ("ingest", "storage", "indexer", "search")
WITH_DOOR = ("ingest", "search")


def all_of_them() -> list[dashboard.Dashboard]:
    """The five dashboards."""
    about = {
        "ingest": "The public door: accepts submissions.",
        "storage": "The keeper of the record.",
        "indexer": "Makes documents findable.",
        "notifier": "Tells people, once.",
        "search": "The owner's door.",
    }
    return [_service(name, text) for name, text in about.items()]


def _service(name: str, about: str) -> dashboard.Dashboard:
    made = board(name, name, about).with_row(row(about))
    for panel in OWN[name]():
        made = made.with_panel(panel)
    if name in WITH_DOOR:
        made = _added(made, "Requests", _requests(name))
    if any(durable.name.startswith(name) for durable in DURABLES):
        made = _added(made, "Events in", _consumers(name))
    if name != "search":
        made = _added(made, "Events out", _published(name))
    dependencies = [
        *(_postgres(name) if name in WITH_POSTGRES else ()),
        *(_objects(name) if name in WITH_OBJECTS else ()),
    ]
    made = _added(made, "What it stands on", dependencies) if dependencies else made
    made = _added(made, "Process", _process(name))
    return made.with_panel(log_lines("Log", f'{{service="{name}"}}'))


def _added(made: dashboard.Dashboard, title: str, panels: list[Panel]) -> dashboard.Dashboard:
    made = made.with_row(row(title))
    for panel in panels:
        made = made.with_panel(panel)
    return made


def _ingest() -> list[Panel]:
    return [
        lines(
            "Attempts, by outcome", rate("contact_submissions_total", by="form, outcome"), unit="reqps", stacked=True
        ),
        lines("Refused, by cause", rate("contact_submissions_refused_total", by="cause"), unit="reqps", stacked=True),
        lines("Held, by reason", rate("contact_submissions_held_total", by="reason"), unit="reqps", stacked=True),
        lines("Files taken, by sort", rate("contact_files_total", by="family"), unit="reqps", stacked=True),
        lines("Size of files", *quantiles("contact_file_bytes"), unit="bytes"),
        lines(
            "Open now",
            Query("sum(ingest_uploads_in_progress)", "files being received"),
            Query("sum(ingest_open_journeys)", "journeys being watched"),
        ),
    ]


def _storage() -> list[Panel]:
    return [
        number("Open submissions", "max(letterbox_ledger_open)"),
        number("Oldest open", "max(letterbox_ledger_oldest_seconds)", unit="s", bad_from=900),
        number("Missing", "max(letterbox_ledger_missing)", bad_from=1),
        number("Erasures open", "max(letterbox_erasures_open)"),
        number("Unclaimed objects", "max(janitor_unclaimed_objects)"),
        number("Dead letters", 'max(stream_messages{stream="DEAD_LETTERS"})', bad_from=1),
        lines("What the ledger found", rate("letterbox_ledger_findings_total", by="kind, store"), unit="cps"),
        lines("Streams", Query("max by (stream) (stream_bytes)", "{{stream}}"), unit="bytes"),
        lines(
            "Erased by retention, removed by the janitor",
            rate("retention_erasures_total"),
            rate("janitor_removed_total", by="kind"),
            unit="cps",
        ),
    ]


def _indexer() -> list[Panel]:
    return [
        lines("Documents read, by outcome", rate("extractions_total", by="outcome"), unit="reqps", stacked=True),
        lines("Documents read, by sort", rate("extractions_total", by="family"), unit="reqps", stacked=True),
        lines("Time to read, by sort", *quantiles("extraction_seconds", by="family"), unit="s"),
        lines("Time until searchable", *quantiles("document_searchable_seconds", by="document"), unit="s"),
        lines("Documents in a batch for the index", *quantiles("index_batch_documents")),
        lines("Time to write a batch", *quantiles("index_write_seconds", by="index"), unit="s"),
        lines("Batches the index did not take", rate("index_write_failures_total", by="index"), unit="cps"),
        lines("Sandbox, by end", rate("sandbox_ends_total", by="how"), unit="cps", stacked=True),
        lines("Sandbox's memory", *quantiles("sandbox_peak_bytes"), unit="bytes"),
        lines("Sandbox's processor time", *quantiles("sandbox_cpu_seconds"), unit="s"),
        lines("Files in files", rate("indexer_members_total", by="outcome"), unit="cps"),
        lines(
            "Pictures, virus scans",
            rate("previews_total", by="outcome"),
            rate("antivirus_scans_total", by="outcome"),
            unit="cps",
        ),
        lines("Time to scan for viruses", *quantiles("antivirus_scan_seconds"), unit="s"),
    ]


def _notifier() -> list[Panel]:
    return [
        lines("Mails, by outcome", rate("mails_total", by="target, outcome"), unit="reqps", stacked=True),
        lines("Attempts, by outcome", rate("mail_attempts_total", by="target, outcome"), unit="reqps", stacked=True),
        lines("Time of an attempt", *quantiles("mail_attempt_seconds"), unit="s"),
        lines("Time until mailed", *quantiles("mail_delay_seconds", by="target"), unit="s", wide=12),
        lines("Waiting for the mail server", Query('max(consumer_paused{dependency="mail"})', "paused"), wide=12),
    ]


def _search() -> list[Panel]:
    found_nothing = "sum(increase(search_zero_results_total[1d]))"
    answered = 'sum(increase(search_queries_total{outcome=~"answered|degraded"}[1d]))'
    return [
        lines("Searches, by outcome", rate("search_queries_total", by="outcome"), unit="reqps", stacked=True),
        lines("Time to answer", *quantiles("search_seconds"), unit="s"),
        lines("Time of its steps", *quantiles("search_step_seconds", by="step"), unit="s"),
        lines(
            "Searches a day",
            Query("sum(increase(search_queries_total[1d]))", "searches"),
            about="A trend: look at 90 days.",
        ),
        lines(
            "Share that found nothing, by day",
            Query(f"{found_nothing} / {answered}", "found nothing"),
            unit="percentunit",
            about="A trend: when it rises, words or tags are missing.",
        ),
        lines(
            "Time to answer, by day",
            Query("histogram_quantile(0.95, sum by (le) (rate(search_seconds_bucket[1d])))", "95 of 100"),
            unit="s",
        ),
        lines("Documents found", *quantiles("search_results")),
        lines("Keys refused", rate("search_refused_total", by="reason"), unit="cps"),
        lines("Audit, by action", rate("audit_records_total", by="action"), unit="cps", stacked=True),
        lines("Meilisearch's answers", *quantiles("meilisearch_http_response_time_seconds"), unit="s"),
        lines("Meilisearch's documents", Query("sum by (index) (meilisearch_index_docs_count)", "{{index}}")),
        lines(
            "Meilisearch's size",
            Query("max(meilisearch_db_size_bytes)", "on disk"),
            Query("max(meilisearch_used_db_size_bytes)", "used"),
            unit="bytes",
        ),
    ]


def _requests(name: str) -> list[Panel]:
    own = f'job="{name}"'
    errors = f'sum by (route) (rate(http_requests_total{{{own},status=~"5.."}}[$__rate_interval]))'
    return [
        lines("Requests, by route", rate("http_requests_total", own, "route"), unit="reqps", stacked=True),
        lines("Errors of ours, by route", Query(errors, "{{route}}", exemplars=True), unit="reqps"),
        lines("Time to answer, by route", *quantiles("http_request_duration_seconds", own, "route"), unit="s"),
        lines("Answers, by status", rate("http_requests_total", own, "status"), unit="reqps", stacked=True, wide=12),
        lines("Being answered", Query(f"sum(http_requests_in_progress{{{own}}})", "requests"), wide=12),
    ]


def _consumers(name: str) -> list[Panel]:
    own = f'durable=~"{name}-.*"'
    return [
        lines("Waiting", Query(f"max by (durable) (consumer_pending{{{own}}})", "{{durable}}")),
        lines(
            "Age of the oldest", Query(f"max by (durable) (consumer_oldest_seconds{{{own}}})", "{{durable}}"), unit="s"
        ),
        lines(
            "Paused by",
            Query(f"max by (durable, dependency) (consumer_paused{{{own}}})", "{{durable}}: {{dependency}}"),
        ),
        lines("Settled, by how", rate("events_consumed_total", own, "durable, outcome"), unit="eps", stacked=True),
        lines("Time of a handler", *quantiles("event_handler_seconds", own, "durable"), unit="s"),
        lines("Age when handled", *quantiles("event_age_seconds", own, "durable"), unit="s"),
        lines("Sent again", rate("event_redeliveries_total", own, "durable"), unit="eps"),
        lines("Handlers that failed", rate("event_handler_failures_total", own, "durable"), unit="eps"),
        lines(
            "Dead letters, absent dependencies",
            rate("dead_letters_total", own, "durable"),
            rate("consumer_dependency_failures_total", own, "durable, dependency"),
            unit="eps",
        ),
        lines("Events at once", *quantiles("event_batch_size", own, "durable")),
    ]


def _published(name: str) -> list[Panel]:
    own = f'job="{name}"'
    return [
        lines(
            "Published, by type",
            rate("events_published_total", own, "type, outcome"),
            unit="eps",
            stacked=True,
            wide=12,
        ),
        lines("Time until the stream has it", *quantiles("event_publish_seconds", own), unit="s", wide=12),
    ]


def _postgres(name: str) -> list[Panel]:
    own = f'job="{name}"'
    return [
        lines("PostgreSQL: time of statements", *quantiles("postgres_statement_seconds", own, "statement"), unit="s"),
        lines(
            "PostgreSQL: connections",
            Query(f"sum by (state) (postgres_pool_connections{{{own}}})", "{{state}}"),
            Query(f"sum(postgres_pool_max_connections{{{own}}})", "at most"),
        ),
        lines("PostgreSQL: away", rate("postgres_failures_total", own, "error"), unit="cps"),
    ]


def _objects(name: str) -> list[Panel]:
    own = f'job="{name}"'
    return [
        lines("Objects: requests", rate("s3_requests_total", own, "operation, outcome"), unit="reqps", stacked=True),
        lines("Objects: time to answer", *quantiles("s3_request_seconds", own, "operation"), unit="s"),
        lines("Objects: bytes", rate("s3_bytes_total", own, "direction"), unit="Bps"),
    ]


def _process(name: str) -> list[Panel]:
    own = f'job="{name}"'
    cpu = f"sum by (instance) (rate(process_cpu_seconds_total{{{own}}}[$__rate_interval]))"
    return [
        lines("Processor", Query(cpu, "{{instance}}"), unit="percentunit"),
        lines("Memory", Query(f"process_resident_memory_bytes{{{own}}}", "{{instance}}"), unit="bytes"),
        lines("Lag of the event loop", *quantiles("event_loop_lag_seconds", own), unit="s"),
        lines("Open files", Query(f"process_open_fds{{{own}}}", "{{instance}}")),
        lines(
            "Connected to NATS",
            Query(f"nats_connected{{{own}}}", "{{instance}}"),
            rate("nats_reconnects_total", own, "instance"),
            rate("nats_permission_violations_total", own, "instance"),
        ),
        lines("Log lines, by level", rate("log_lines_total", own, "level"), unit="cps", stacked=True),
    ]


OWN = {"ingest": _ingest, "storage": _storage, "indexer": _indexer, "notifier": _notifier, "search": _search}
"""What only one service does."""
