"""Large blocks go back to the system when they are freed."""

import ctypes

LARGE = 1024 * 1024  # bytes
_M_MMAP_THRESHOLD = -3  # malloc.h


def return_large_blocks() -> None:
    """glibc raises its threshold to the largest block that was freed; from then on such blocks lie
    in heaps with holes between them: 22 bodies of 13 MB took 458 MB instead of 319. Elsewhere than
    on glibc nothing happens."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_MMAP_THRESHOLD, LARGE)
