"""What a front desk does at the moment and did on the last day, in numbers."""
