"""What Prometheus, Alertmanager and the blackbox exporter are told: made from deploy/prometheus/*.toml and settings."""
