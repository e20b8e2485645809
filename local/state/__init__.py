"""What the local machine keeps between its runs: documents in SQLite, and object bodies as files."""
