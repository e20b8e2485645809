"""The commands, those of one subject in a module. Each calls the API and prints the answer."""
