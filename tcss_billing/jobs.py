"""What brings back a job whose worker was killed, and forgets those that are done."""

from procrastinate import JobContext
from procrastinate.contrib.django import app

# Never sooner than the heartbeat of 10 s allows, or live jobs would be doubled.
STALLED_SECONDS = 30
# The rows are the truth; what was done is only of interest while somebody looks for a
# fault. What failed waits for staff.
KEPT_HOURS = 72


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


@app.periodic(cron="25 * * * *")
@app.task(
    name="tcss_billing.jobs.forget_done",
    queueing_lock="forget_done",
    pass_context=True,
)
async def forget_done(context: JobContext, timestamp: int) -> None:
    """Delete jobs that succeeded days ago: there are tens of thousands a day."""
    await context.app.job_manager.delete_old_jobs(nb_hours=KEPT_HOURS)
