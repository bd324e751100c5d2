"""What this room offers to the rooms below it."""

from arbsite import registry
from arbsite.registry import Job


def open_all() -> None:
    """Register this room's job and what the demo shows of it."""
    from signals import benchmarks, detection_benchmarks, panels, score_benchmarks

    registry.add_benchmark("replay", benchmarks.replay)
    registry.add_benchmark("detection", detection_benchmarks.detection)
    registry.add_benchmark("correlator", score_benchmarks.correlator)
    registry.add_panel("opportunities", panels.opportunities)
    registry.add_summary("signals", panels.summary)
    registry.add_job(
        Job("arbitrage-scan", ("scan",), 180, about="Run arbitrage detection over every active bet")
    )
