"""What brings back a job whose worker was killed."""

from procrastinate import JobContext
from procrastinate.contrib.django import app

# Never sooner than the heartbeat of 10 s allows, or live jobs would be doubled.
STALLED_SECONDS = 30


@app.periodic(cron="*/10 * * * * *")
@app.task(
    name="tcss_billing.jobs.retry_stalled",
    queueing_lock="retry_stalled",
    pass_context=True,
)
async def retry_stalled(context: JobContext, timestamp: int) -> None:
    """Run again what a killed worker left behind; it would stay *doing* for ever."""
    manager = context.app.job_manager
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS):
        await manager.retry_job(job)
