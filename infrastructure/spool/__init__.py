"""Where authentic requests wait until they can be worked on: one file per backend."""
