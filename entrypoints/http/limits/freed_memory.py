"""What a large body took goes back to the system."""

_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1  # M_MMAP_THRESHOLD and M_TRIM_THRESHOLD of mallopt(3)
MAPPED_BYTES = 1024 * 1024
"""From this size on, a block of memory has pages of its own."""

SPARE_BYTES = 4 * 1024 * 1024
"""What the heap may have free at its end. With none, each mail would pay for new pages."""


def give_back_large_blocks() -> None:
    """Have the C library unmap large blocks as soon as they are free, and move none that grows.

    By itself, glibc takes the first large block that is freed as a sign that more will come:
    the next ones, up to 32 MiB, come from the heap, which is left with their holes. Other C
    libraries have no such rule.
    """
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, MAPPED_BYTES)
        mallopt(_TRIM_THRESHOLD, SPARE_BYTES)
