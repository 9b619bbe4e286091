"""Pure: rates, slopes and windows from samples."""
