"""Traces: a job's way through API, workflow, activities, vendors, database and store, as OpenTelemetry has it."""
