"""The composition root: everything is put together here, and nowhere else."""
