"""Prometheus metrics of the kernel, served at an address of their own (HUIDA_METRICS_PORT)."""

from prometheus_client import Counter, Histogram

REQUESTS = Counter("huida_http_requests_total", "Requests answered", ["route", "method", "status"])
REQUEST_SECONDS = Histogram("huida_http_request_seconds", "Time to answer a request", ["route"])
JOBS_DONE = Counter("huida_jobs_done_total", "Jobs finished", ["kind"])
JOB_FAILURES = Counter("huida_job_failures_total", "Batches of jobs that raised", ["kind"])
DELIVERIES = Counter("huida_deliveries_total", "Deliveries by channel and outcome", ["channel", "outcome"])
