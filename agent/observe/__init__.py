"""Samplers pull, watchers push: what the host shows becomes evidence. They capture at once what
will be gone.
"""
