"""The first page: what needs attention, the figures and the plots."""
