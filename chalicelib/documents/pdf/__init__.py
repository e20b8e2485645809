"""Reports as PDF, written page by page."""
