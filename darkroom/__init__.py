"""The command line `darkroom`: a client of any stage's HTTP API. It uses that API alone, and no code of ours."""
