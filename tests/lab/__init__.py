"""The real-kernel lab: a small VM (QEMU without KVM) with kernel, containerd, CNI and pods.

    python -m tests.lab build        make or refresh the cached artefacts
    python -m tests.lab shell        boot a node and get a shell in it
    python -m tests.lab run CMD      boot a node, run one command in it, power off
    python -m tests.lab down         end what an interrupted session has left behind

Tests use the fixtures in conftest.py. From the bottom up: cache, apt, kernel, debian, wheels, oci,
layer and build make the artefacts; machine starts QEMU; wire and guest run commands in it; node
brings up containerd; cri, pods and kubelet play the kubelet; truth reads what the kernel knows;
scenarios provoke; agent_process runs the agent.
"""
