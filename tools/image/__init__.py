"""The image: a tree of Debian's Python, the locked wheels and the agent, as OCI layers."""
