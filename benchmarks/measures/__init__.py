"""What is measured: each module has ``measure(plan)``, which gives figures by name."""
