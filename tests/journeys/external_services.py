"""Where the local stage keeps the settings of external services."""

SECRET_ID = "darkroom/local/external-services"
