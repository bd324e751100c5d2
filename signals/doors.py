"""What this room offers to the rooms below it."""

from arbsite import registry
from arbsite.registry import Job


def open_all() -> None:
    """Register this room's job and what the demo shows of it."""
    from signals import benchmarks, detection_benchmarks, panels, source_checks

    registry.add_benchmark("replay", benchmarks.replay)
    registry.add_benchmark("detection", detection_benchmarks.detection)
    registry.add_panel("opportunities", panels.opportunities)
    registry.add_summary("signals", panels.summary)
    registry.add_panel("sources", source_checks.sources)
    for name in source_checks.KINDS:
        registry.add_check(f"sources: {name}", getattr(source_checks, name), needed=False)
    registry.add_job(
        Job("arbitrage-scan", ("scan",), 180, about="Run arbitrage detection over every active bet")
    )
