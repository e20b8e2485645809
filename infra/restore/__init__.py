"""Restores rows of tables and objects of buckets to what they were, without what users deleted since."""
