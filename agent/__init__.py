"""nodewitness: what the kernel knows about a Kubernetes node and the kubelet does not say."""

__version__ = "0.1.0"
