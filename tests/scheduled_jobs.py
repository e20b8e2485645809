"""Every scheduled job, by its name."""

from chalicelib.jobs import health, monthly_report, reconciler, retention, sweeper, sync

JOBS = {
    job.name: job
    for job in (
        sync.NIGHTLY,
        sync.BUSINESS_HOURS,
        retention.CLEAN_UP,
        retention.ARCHIVE,
        monthly_report.MONTHLY_REPORT,
        health.HEALTH_CHECK,
        sweeper.SWEEPER,
        reconciler.RECONCILER,
    )
}
