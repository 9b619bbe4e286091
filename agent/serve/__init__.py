"""What the agent shows: gRPC on a unix socket, Prometheus over HTTP. It never changes the state."""
