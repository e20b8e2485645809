"""Uploads of many files: what is there already is not sent, and what is cut off goes on."""
