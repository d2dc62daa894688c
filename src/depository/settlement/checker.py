"""Does an outcome keep the rules? Recomputed from the problem alone, sharing no code with the engine (CSD-5.2-dvp, CSD-A2-3.2)."""

from collections import defaultdict
from collections.abc import Callable, Sequence

from depository.settlement.outcome import Outcome
from depository.settlement.problem import Problem

Legs = Callable[[int], tuple[tuple[int, int], ...]]
"""Of an instruction, by its number: (position, change) of each side; position -1: no such side."""


def check(problem: Problem, outcome: Outcome) -> list[str]:
    """Every broken rule as one English sentence; an empty list means the outcome may be committed.

    Checks: no balance negative after any step; gross instructions one at a time; linked instructions together; every unsettled
    instruction explained; the failing list complete; the certificate's sums right and its bound not below what settled.
    """
    count = len(problem.ids)
    settled = [bool(s) for s in outcome.settled]
    step = [int(s) for s in outcome.step]
    if len(settled) != count or len(step) != count:
        return [f"the outcome has {len(settled)} rows for {count} instructions"]
    legs = _legs(problem)
    return [
        *(
            f"instruction {problem.ids[j]}: settled and step disagree"
            for j in range(count)
            if settled[j] != (step[j] > 0)
        ),
        *_steps(problem, legs, settled, step),
        *_links(problem, settled),
        *_reasons(problem, outcome, settled),
        *_culprits(problem, outcome, legs),
        *_certificate(problem, outcome, settled),
    ]


def _legs(problem: Problem) -> Legs:
    quantity, amount = problem.quantity.tolist(), problem.amount.tolist()
    deliver, receive = problem.deliver.tolist(), problem.receive.tolist()
    payer, payee = problem.payer.tolist(), problem.payee.tolist()
    return lambda j: (
        (deliver[j], -quantity[j]),
        (receive[j], quantity[j]),
        (payer[j], -amount[j]),
        (payee[j], amount[j]),
    )


def _steps(problem: Problem, legs: Legs, settled: Sequence[bool], step: Sequence[int]) -> list[str]:
    """Step by step: what settles together, and that no balance goes below nought."""
    broken = []
    gross, link = problem.gross.tolist(), problem.link.tolist()
    by_step: dict[int, list[int]] = defaultdict(list)
    for j, done in enumerate(settled):
        if done:
            by_step[step[j]].append(j)
    balance = problem.opening.tolist()
    for number in sorted(by_step):
        together = by_step[number]
        if len(together) > 1 and any(gross[j] for j in together):
            groups = {link[j] for j in together}
            if groups & {-1} or len(groups) > 1:
                broken.append(
                    f"step {number}: gross instruction {problem.ids[next(j for j in together if gross[j])]} did not settle alone"
                )
        touched: set[int] = set()
        for j in together:
            for row, change in legs(j):
                if row >= 0:
                    balance[row] += change
                    touched.add(row)
        broken += [
            f"step {number}: {at.kind} of {at.holder} in {at.asset} go to {balance[row]}"
            for row in sorted(touched)
            if balance[row] < 0
            for at in (problem.positions[row],)
        ]
    return broken


def _links(problem: Problem, settled: Sequence[bool]) -> list[str]:
    """Linked instructions settle together or not at all."""
    link = problem.link.tolist()
    groups_settled: dict[int, set[bool]] = defaultdict(set)
    for j, group in enumerate(link):
        if group >= 0:
            groups_settled[group].add(settled[j])
    return [
        f"instruction {problem.ids[j]}: its linked instructions did not all settle"
        for j, group in enumerate(link)
        if settled[j] and len(groups_settled.get(group, set())) > 1
    ]


def _reasons(problem: Problem, outcome: Outcome, settled: Sequence[bool]) -> list[str]:
    """Each unsettled instruction has a reason, and no other."""
    explained = {line.id for line in outcome.unsettled}
    return [
        *(
            f"instruction {id_} is unsettled without a reason"
            for id_, done in zip(problem.ids, settled, strict=True)
            if not done and id_ not in explained
        ),
        *(
            f"instruction {id_} is settled and listed as unsettled"
            for id_, done in zip(problem.ids, settled, strict=True)
            if done and id_ in explained
        ),
    ]


def _culprits(problem: Problem, outcome: Outcome, legs: Legs) -> list[str]:
    """Those fail who are short when everyone delivers, and nobody else is blamed."""
    whole_day = problem.opening.tolist()
    for j in range(len(problem.ids)):
        for row, change in legs(j):
            if row >= 0:
                whole_day[row] += change
    failing = {(line.asset, line.holder): line.short_by for line in outcome.failing}
    expected = {
        (problem.positions[p].asset, problem.positions[p].holder): -left for p, left in enumerate(whole_day) if left < 0
    }
    culprits = {line.participant for line in outcome.failing}
    return [
        *(["the failing participants are not those short when everyone delivers"] if failing != expected else []),
        *(
            f"instruction {line.id}: blames {name}, who does not fail"
            for line in outcome.unsettled
            for name in line.causes
            if name not in culprits
        ),
    ]


def _certificate(problem: Problem, outcome: Outcome, settled: Sequence[bool]) -> list[str]:
    """The certificate's sums are those of the instructions, and its bounds are not below what settled."""
    broken = []
    certificate = outcome.certificate
    value = problem.value.tolist()
    if certificate.instructions != len(problem.ids) or certificate.count_settled != sum(settled):
        broken.append("the certificate counts other instructions than the outcome")
    if certificate.value_total != sum(value) * problem.value_unit:
        broken.append("the certificate's total value is not that of the instructions")
    if certificate.value_settled != sum(v for v, s in zip(value, settled, strict=True) if s) * problem.value_unit:
        broken.append("the certificate's settled value is not that of the outcome")
    if certificate.objective_settled > certificate.upper_bound:
        broken.append("the certificate's bound is below what settled")
    broken += [
        f"the certificate's bound of priority {line.priority} is below what settled"
        for line in certificate.priorities
        if line.objective_settled > line.upper_bound
    ]
    return broken
