"""Memory that runs out while a model computes: how to tell, and what to give back."""

from __future__ import annotations

import gc


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether an error means that memory ran out; on the CPU torch has no class for it."""
    import torch

    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and (
        "allocate memory" in str(error) or "out of memory" in str(error)
    )


def give_back_memory() -> None:
    """Return what nobody refers to any more to the system and to the GPU."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
