"""The OpenVINO engine: CPUs, in a process of its own."""

from ragapp.offline import keep_openvino_quiet

keep_openvino_quiet()  # here, so that none of these modules can import openvino without it
