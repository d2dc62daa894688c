"""Opens the business day: enforcements that have come due, the hash of the main cycle's moment."""

from datetime import date, datetime

from prefect import flow

from flows.office import carry_out


@flow(name="opening", flow_run_name="{business_date} {slot}")
async def opening(settings: str, business_date: date, slot: str, at: datetime | None = None) -> str:
    """Runs the batch once; `at` is the moment of a simulated day, None = now. Returns its state."""
    return (await carry_out(settings, business_date, slot, at)).state
