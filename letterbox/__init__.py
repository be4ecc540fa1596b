"""The operator's command: one file for each verb; `local` starts the parts on one machine."""
