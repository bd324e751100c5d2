"""What this room offers to the rooms below it."""

from arbsite import registry
from arbsite.registry import Job


def open_all() -> None:
    """Register this room's job and what the demo shows of it."""
    from signals import benchmarks, detection_benchmarks, panels
    from signals.sources import registry as sources
    from signals.sources.news import benchmarks as news_benchmarks
    from signals.sources.news import specs as news_specs

    registry.add_benchmark("replay", benchmarks.replay)
    registry.add_benchmark("detection", detection_benchmarks.detection)
    registry.add_benchmark("news", news_benchmarks.news)
    sources.add("news", news_specs.specs)
    registry.add_panel("opportunities", panels.opportunities)
    registry.add_summary("signals", panels.summary)
    registry.add_job(
        Job("arbitrage-scan", ("scan",), 180, about="Run arbitrage detection over every active bet")
    )
