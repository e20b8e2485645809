"""The local machine: Darkroom and its AWS in one process tree, on moto, for development, demonstrations and tests."""
