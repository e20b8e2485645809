"""Scheduled jobs: their schedules, the runner around them, leases and heartbeats, and each job."""
