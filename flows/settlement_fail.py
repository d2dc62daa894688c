"""Settlement fails of the day at 17:30 and who caused them (CSD-3.3.1-d, CSD-A2-3.2)."""

from datetime import date, datetime

from prefect import flow

from flows.office import carry_out


@flow(name="settlement fail", flow_run_name="{business_date} {slot}")
async def settlement_fail(settings: str, business_date: date, slot: str, at: datetime | None = None) -> str:
    """Runs the batch once; `at` is the moment of a simulated day, None = now. Returns its state."""
    return (await carry_out(settings, business_date, slot, at)).state
