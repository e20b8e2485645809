"""Darkroom's AWS on one machine: real behaviour around moto, for development, demonstrations and tests."""
