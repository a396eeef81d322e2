"""The OpenVINO engine: CPUs, in a process of its own."""
