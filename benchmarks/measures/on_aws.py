"""Lambda: what ``benchmarks.on_lambda`` measures, under the names of the targets."""

from typing import Any

from benchmarks.on_lambda import measure as measure_lambda
from benchmarks.plan import Figures, Plan


def measure(plan: Plan) -> Figures:
    """CPU milliseconds of cold starts and warm webhooks, the ratios, and the counts."""
    found: dict[str, Any] = measure_lambda(plan.lambda_runs)
    cold, warm, counts = found["cold"], found["warm"], found["counts"]
    figures: Figures = {
        "lambda_cold_against_plain": _values(cold["function/plain"]),
        "lambda_warm_against_bare": _values(warm["function/bare"]),
        "lambda_round_trips": [counts["round_trips_dynamodb"] + counts["round_trips_sqs"]],
        "lambda_write_units": [counts["write_units"]],
        "plain.lambda_warm_long_history_ms": [found["warm_plain_long_history"]],
    }
    for name in ("function", "plain", "bare"):
        figures[f"{name}.lambda_cold_ms"] = _values(cold[name])
        figures[f"{name}.lambda_warm_ms"] = _values(warm[name])
    return figures


def _values(spread: dict[str, float]) -> list[float]:
    return [spread["min"], spread["median"], spread["max"]]
