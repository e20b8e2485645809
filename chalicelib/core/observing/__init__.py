"""What is written down of each run: usage records, metrics, traces, alerts."""
