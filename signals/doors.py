"""What this room offers to the rooms below it."""

from django.db.models.signals import post_migrate

from arbsite import registry
from arbsite.registry import Job


def open_all() -> None:
    """Register this room's job and what the demo shows of it."""
    from signals import panels
    from signals.correlating import benchmarks as score_benchmarks
    from signals.detection import benchmarks as detection_benchmarks
    from signals.language import benchmarks as language_benchmarks
    from signals.moves import benchmarks as move_benchmarks
    from signals.replay import benchmarks
    from signals.sources import checks as source_checks
    from signals.sources import registry as sources
    from signals.sources.calendar import feeds as calendar_feeds
    from signals.sources.news import benchmarks as news_benchmarks
    from signals.sources.news import specs as news_specs

    _open_whales()
    registry.add_benchmark("replay", benchmarks.replay)
    registry.add_benchmark("detection", detection_benchmarks.detection)
    registry.add_benchmark("moves", move_benchmarks.moves)
    sources.add("calendar", calendar_feeds.specs)
    registry.add_benchmark("language", language_benchmarks.language)
    registry.add_benchmark("news", news_benchmarks.news)
    sources.add("news", news_specs.specs)
    registry.add_benchmark("correlator", score_benchmarks.correlator)
    registry.add_panel("opportunities", panels.opportunities)
    registry.add_summary("signals", panels.summary)
    registry.add_panel("sources", source_checks.sources)
    registry.add_sweep("source heartbeats", source_checks.keep_counting)
    for name in source_checks.KINDS:
        registry.add_check(f"sources: {name}", getattr(source_checks, name), needed=False)
    registry.add_check("evidence", source_checks.evidence, needed=False)
    registry.add_job(
        Job("correlations", ("correlations", "--refresh"), 600, about="How markets move together")
    )
    registry.add_job(
        Job(
            "arbitrage-scan",
            ("arbitrage-scanner",),
            180,
            about="Run arbitrage detection over every active bet",
        )
    )
    registry.add_job(
        Job("whale-monitor", ("whale-monitor",), 60, about="Tell of large transfers and repeated flows")
    )


def _open_whales() -> None:
    """The whale sources, their stream, and what their tables begin with."""
    from signals.sources import registry as sources
    from signals.sources.whales import benchmarks, defaults, defillama, specs, streaming

    sources.add("whales", specs.specs)
    sources.tell(defillama.SOURCE, specs.told)
    registry.add_stream("whale_alert", streaming.run)
    registry.add_benchmark("whales", benchmarks.whales)
    post_migrate.connect(defaults.after_migrate, dispatch_uid="whales", weak=False)
