"""The sources: the only package that opens, connects or enters anything on the host."""
