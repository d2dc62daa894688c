"""One Prefect run for each planned batch of the day, and one process that serves the runs.

The planner asks for the day's runs as often as it likes: a run's key is its business date and slot, so each is made
once, and a run whose batch was moved by notice moves with it. Nothing hangs on Prefect doing this exactly: the batch
table decides what is done, a run that comes late, twice or not at all changes no book (design §6).

The moment at which a run begins is seen by everybody who sees Prefect's screen. The main cycle's run therefore begins
with its window, and waits inside for the moment that was drawn (CSD-5.2.10-a).
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tenacity import AsyncRetrying, RetryError, retry_if_exception_type, stop_after_delay, wait_fixed

from depository.timetable import PlannedBatch

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import FlowRun
    from prefect.deployments.runner import RunnerDeployment
    from prefect.flows import Flow


SERVED_WITHIN = 120
"""Seconds from a start until its deployments are known, at most."""
LOOKING_EVERY = 0.5
"""Seconds between two looks for them."""


def run_key(batch: PlannedBatch) -> str:
    """What makes a batch's run the only one."""
    return f"{batch.business_date.isoformat()}/{batch.slot}"


def run_name(batch: PlannedBatch) -> str:
    """How an operator sees the run on the screen."""
    return f"{batch.business_date.isoformat()} {batch.slot}"


def due_moment(batch: PlannedBatch) -> datetime:
    """When the run of a batch begins unless something is to be kept from view: when the batch is due."""
    return batch.due_at


async def until_served(deployments: Iterable[str], seconds: float = SERVED_WITHIN) -> None:
    """Waits until Prefect knows the deployments: at a start they are registered some seconds after the first who ask for them.

    Raises LookupError for one that is not there after so many `seconds`.
    """
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    looking = AsyncRetrying(
        retry=retry_if_exception_type(ObjectNotFound), wait=wait_fixed(LOOKING_EVERY), stop=stop_after_delay(seconds)
    )
    async with get_client() as client:
        for deployment in deployments:
            try:
                await looking(client.read_deployment_by_name, deployment)
            except RetryError:
                raise LookupError(f"nobody serves the deployment {deployment}") from None


async def schedule_batches(
    batches: Iterable[PlannedBatch], deployment: str, begins: Callable[[PlannedBatch], datetime] = due_moment
) -> list["FlowRun"]:
    """Asks Prefect for one run for each batch; asking again makes no second run, and moves one whose moment moved.

    `deployment` is `"flow name/deployment name"`; its flow takes `business_date` and `slot`. `begins` says when a run
    begins. Returns the runs in the order of the batches. Raises ValueError for a moment without a time zone.
    """
    from prefect.client.orchestration import get_client

    async with get_client() as client:
        return [await schedule_batch(client, batch, deployment, begins(batch)) for batch in batches]


async def schedule_batch(client: "PrefectClient", batch: PlannedBatch, deployment: str, begins: datetime) -> "FlowRun":
    """The one run of a batch: made when it is not there, moved when its moment changed and it has not begun."""
    from prefect.deployments.flow_runs import arun_deployment
    from prefect.states import Scheduled

    if begins.utcoffset() is None:
        raise ValueError(f"batch {run_key(batch)}: {begins.isoformat()} has no time zone")
    run = await arun_deployment(
        deployment,
        client=client,
        parameters={"business_date": batch.business_date.isoformat(), "slot": batch.slot},
        scheduled_time=begins,
        flow_run_name=run_name(batch),
        idempotency_key=run_key(batch),
        tags=[batch.kind.value, batch.business_date.isoformat()],
        # Ask and go on: the planner neither waits for the run nor owns it.
        timeout=0,
        as_subflow=False,
    )
    not_begun = run.state is not None and run.state.is_scheduled()
    if not_begun and run.next_scheduled_start_time != begins:
        await client.set_flow_run_state(run.id, Scheduled(scheduled_time=begins), force=True)
        run = await client.read_flow_run(run.id)
    return run


def served(flow: "Flow[..., Any]", name: str, **options: Any) -> "RunnerDeployment":
    """A deployment of `flow` that is loaded by its module's name (`flows.batch.batch`), wherever the process stands.

    `options` are those of Prefect's `to_deployment`: `schedules`, `parameters`, `description`, `tags`. The flow's
    module is not the program that is running: of `__main__` the runs know nothing.
    """
    from prefect.types.entrypoint import EntrypointType

    deployment = flow.to_deployment(name, entrypoint_type=EntrypointType.MODULE_PATH, **options)
    assert not hasattr(deployment, "__await__"), "called from a coroutine, where Prefect would hand back an awaitable"
    return deployment


def serve(*deployments: "RunnerDeployment", limit: int = 8) -> None:
    """Serves the deployments until this process is told to stop; each run is a process of its own.

    At most `limit` run at once; the resident intake is one of them all day. Schedules stay switched on when it stops:
    the next start takes them up again.
    """
    from prefect import serve as serve_deployments

    serve_deployments(*deployments, pause_on_shutdown=False, print_starting_message=False, limit=limit)
