"""prefect.yaml names flows that exist, and the planner's runs have their deployments in it."""

from pathlib import Path

import pytest
import yaml
from prefect import Flow
from prefect.flows import load_flow_from_entrypoint

from depository.timetable import BatchKind
from flows.planner import DEPLOYMENT

ROOT = Path(__file__).parents[3]
FILE = yaml.safe_load((ROOT / "prefect.yaml").read_text())
DEPLOYMENTS = {entry["name"]: entry for entry in FILE["deployments"]}


def flow_of(name: str) -> Flow:
    return load_flow_from_entrypoint(DEPLOYMENTS[name]["entrypoint"], use_placeholder_flow=False)


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_every_deployment_names_a_flow_by_its_module_and_gives_it_its_site(name: str) -> None:
    assert ":" not in DEPLOYMENTS[name]["entrypoint"], "loading by file puts flows/ first on the import path"
    flow = flow_of(name)
    assert flow.name == name
    assert set(DEPLOYMENTS[name]["parameters"]) <= set(flow.parameters.properties)
    # A synchronous flow takes a second to return, whatever it does.
    assert flow.isasync


@pytest.mark.parametrize("kind", BatchKind)
def test_every_kind_of_batch_has_the_deployment_that_the_planner_asks_for(kind: BatchKind) -> None:
    flow_name, _, deployment = DEPLOYMENT[kind].partition("/")
    assert deployment in DEPLOYMENTS
    flow = flow_of(deployment)
    assert flow.name == flow_name
    assert {"business_date", "slot"} <= set(flow.parameters.properties)
    assert "schedules" not in DEPLOYMENTS[deployment], "the planner makes the runs, from our calendar"


def test_no_worker_is_sent_to_the_folder_of_the_machine_that_deployed() -> None:
    assert FILE["pull"] == []
