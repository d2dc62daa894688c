"""Payment orders for withdrawals to the settlement bank (CSD-3.3.2-b)."""

from datetime import date, datetime

from prefect import flow

from flows.office import carry_out


@flow(name="payout", flow_run_name="{business_date} {slot}")
async def payout(settings: str, business_date: date, slot: str, at: datetime | None = None) -> str:
    """Runs the batch once; `at` is the moment of a simulated day, None = now. Returns its state."""
    return (await carry_out(settings, business_date, slot, at)).state
