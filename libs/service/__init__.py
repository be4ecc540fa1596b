"""The frame around every service: settings, logs, metrics, traces, health, start and stop."""
