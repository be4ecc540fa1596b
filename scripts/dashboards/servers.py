"""The servers under the services: NATS, PostgreSQL, the gateway, the object store, the host."""

from grafana_foundation_sdk.builders import dashboard

from scripts.dashboards.panels import Panel, Query, board, lines, log_lines, number, quantiles, rate, row

DATABASE = 'datname="letterbox"'
REAL = 'device!~"lo|veth.*|docker.*|br-.*|ifb.*"'


def all_of_them() -> list[dashboard.Dashboard]:
    """One dashboard each."""
    return [
        _board("nats", "NATS", "The stream everything rests on; figures of the NATS exporter.", _nats(), "nats"),
        _board("postgres", "PostgreSQL", "The record.", _postgres(), "postgres"),
        _board("gateway", "gateway", "Caddy: what comes in from outside.", _gateway(), "caddy"),
        _board("object-store", "object store", "SeaweedFS: the files.", _objects(), "object-store"),
        _board("host", "host", "The machine under it all.", _host(), ""),
    ]


def _board(name: str, title: str, about: str, panels: list[Panel], log: str) -> dashboard.Dashboard:
    made = board(name, title, about).with_row(row(about))
    for panel in panels:
        made = made.with_panel(panel)
    return made.with_panel(log_lines("Log", f'{{service="{log}"}}')) if log else made


def _nats() -> list[Panel]:
    lag = "sum by (consumer_name) (jetstream_consumer_num_pending + jetstream_consumer_num_ack_pending)"
    again = "sum by (consumer_name) (jetstream_consumer_num_redelivered)"
    return [
        number("Answers", 'max(probe_success{job="nats-answers"})', bad_below=1),
        number("Slow consumers", "sum(gnatsd_varz_slow_consumers)", bad_from=1),
        number("Connections", "sum(gnatsd_varz_connections)"),
        number("Memory", "max(gnatsd_varz_mem)", unit="bytes"),
        number("Messages kept", "max(jetstream_server_total_messages)"),
        number("Bytes kept", "max(jetstream_server_total_message_bytes)", unit="bytes"),
        lines("Lag, by durable", Query(lag, "{{consumer_name}}"), wide=12),
        lines("Sent again, by durable", Query(again, "{{consumer_name}}"), wide=12),
        lines("Messages in and out", rate("gnatsd_varz_in_msgs"), rate("gnatsd_varz_out_msgs"), unit="mps"),
        lines("Bytes in and out", rate("gnatsd_varz_in_bytes"), rate("gnatsd_varz_out_bytes"), unit="Bps"),
        lines(
            "Messages, by stream", Query("max by (stream_name) (jetstream_stream_total_messages)", "{{stream_name}}")
        ),
        lines("As the services see it: waiting", Query("max by (durable) (consumer_pending)", "{{durable}}"), wide=12),
        lines(
            "As the services see it: time to store", *quantiles("event_publish_seconds", by="job"), unit="s", wide=12
        ),
    ]


def _postgres() -> list[Panel]:
    hit = (
        f"sum(rate(pg_stat_database_blks_hit{{{DATABASE}}}[$__rate_interval])) / "
        f"(sum(rate(pg_stat_database_blks_hit{{{DATABASE}}}[$__rate_interval])) "
        f"+ sum(rate(pg_stat_database_blks_read{{{DATABASE}}}[$__rate_interval])))"
    )
    return [
        number("Answers", "max(pg_up)", bad_below=1),
        number("Size", f"max(pg_database_size_bytes{{{DATABASE}}})", unit="bytes"),
        number("Connections", "sum(pg_stat_activity_count)"),
        number("At most", "max(pg_settings_max_connections)"),
        number("Deadlocks, 1 h", f"sum(increase(pg_stat_database_deadlocks{{{DATABASE}}}[1h]))", bad_from=1),
        number("Longest transaction", f"max(pg_stat_activity_max_tx_duration{{{DATABASE}}})", unit="s", bad_from=300),
        lines(
            "Transactions",
            rate("pg_stat_database_xact_commit", DATABASE),
            rate("pg_stat_database_xact_rollback", DATABASE),
            unit="ops",
        ),
        lines(
            "Connections, by state",
            Query(f"sum by (state) (pg_stat_activity_count{{{DATABASE}}})", "{{state}}"),
            stacked=True,
        ),
        lines("Found in memory", Query(hit, "share"), unit="percentunit"),
        lines(
            "Rows written",
            rate("pg_stat_database_tup_inserted", DATABASE),
            rate("pg_stat_database_tup_updated", DATABASE),
            rate("pg_stat_database_tup_deleted", DATABASE),
            unit="ops",
        ),
        lines("Locks, by mode", Query(f"sum by (mode) (pg_locks_count{{{DATABASE}}})", "{{mode}}"), stacked=True),
        lines("Spilled to disk", rate("pg_stat_database_temp_bytes", DATABASE), unit="Bps"),
        lines(
            "Statements as the services see them",
            *quantiles("postgres_statement_seconds", by="statement"),
            unit="s",
            wide=24,
        ),
    ]


def _gateway() -> list[Panel]:
    seconds = "caddy_http_request_duration_seconds"
    return [
        number("Form page answers", 'min(probe_success{job="form-page"})', bad_below=1),
        number("Owner's page answers", 'min(probe_success{job="search-page"})', bad_below=1),
        number(
            "Certificate ends in",
            'min(probe_ssl_earliest_cert_expiry{job="certificate"}) - time()',
            unit="s",
            bad_below=1_209_600,
        ),
        number("Open now", "sum(caddy_http_requests_in_flight)"),
        number("Configuration", "min(caddy_config_last_reload_successful)", bad_below=1),
        lines("Answers, by status", rate(f"{seconds}_count", by="code"), unit="reqps", stacked=True),
        lines("Time to answer", *quantiles(seconds), unit="s"),
        lines("Time to answer, by method", *quantiles(seconds, by="method"), unit="s"),
        lines(
            "Bytes in and out",
            rate("caddy_http_request_size_bytes_sum"),
            rate("caddy_http_response_size_bytes_sum"),
            unit="Bps",
        ),
        lines("Time of the probes", Query("max by (job) (probe_duration_seconds)", "{{job}}"), unit="s"),
        lines("Memory", Query('process_resident_memory_bytes{job="gateway"}', "{{instance}}"), unit="bytes"),
    ]


def _objects() -> list[Panel]:
    return [
        number("Answers", 'max(probe_success{job="object-store-answers"})', bad_below=1),
        number("Used", 'sum(SeaweedFS_volumeServer_resource{type="used"})', unit="bytes"),
        number("Left", 'min(SeaweedFS_volumeServer_resource{type="avail"})', unit="bytes"),
        number("Volumes read-only", "sum(SeaweedFS_volumeServer_read_only_volumes)", bad_from=1),
        lines("Requests, by kind", rate("SeaweedFS_s3_request_total", by="type, code"), unit="reqps", stacked=True),
        lines("Time to answer, by kind", *quantiles("SeaweedFS_s3_request_seconds", by="type"), unit="s"),
        lines(
            "Bytes",
            rate("SeaweedFS_s3_bucket_traffic_received_bytes_total"),
            rate("SeaweedFS_s3_bucket_traffic_sent_bytes_total"),
            unit="Bps",
        ),
        lines("As the services see it", *quantiles("s3_request_seconds", by="operation"), unit="s", wide=24),
    ]


def _host() -> list[Panel]:
    busy = '1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[$__rate_interval]))'
    left = "node_filesystem_avail_bytes / node_filesystem_size_bytes"
    hours = "predict_linear(node_filesystem_avail_bytes[6h], 4 * 86400)"
    return [
        number("Load", "max(node_load1)"),
        number(
            "Memory left",
            "min(node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)",
            unit="percentunit",
            bad_below=0.1,
        ),
        number("Disk left", f"min({left})", unit="percentunit", bad_below=0.1),
        number("Killed for memory, 1 d", "sum(increase(node_vmstat_oom_kill[1d]))", bad_from=1),
        number("Up for", "min(node_time_seconds - node_boot_time_seconds)", unit="s"),
        lines("Processor", Query(busy, "busy"), unit="percentunit"),
        lines(
            "Memory",
            Query("node_memory_MemTotal_bytes", "all"),
            Query("node_memory_MemAvailable_bytes", "left"),
            unit="bytes",
        ),
        lines("Disk left", Query(left, "{{mountpoint}}"), unit="percentunit"),
        lines("Disk left in four days, as it goes", Query(hours, "{{mountpoint}}"), unit="bytes"),
        lines("Disk busy", rate("node_disk_io_time_seconds_total", by="device"), unit="percentunit"),
        lines(
            "Network",
            rate("node_network_receive_bytes_total", REAL),
            rate("node_network_transmit_bytes_total", REAL),
            unit="Bps",
        ),
        lines(
            "Waiting for processor, disk, memory",
            rate("node_pressure_cpu_waiting_seconds_total"),
            rate("node_pressure_io_waiting_seconds_total"),
            rate("node_pressure_memory_waiting_seconds_total"),
            unit="percentunit",
            wide=24,
        ),
    ]
