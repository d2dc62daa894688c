"""Does an outcome keep the rules? Recomputed from the problem alone, sharing no code with the engine (CSD-5.2-dvp, CSD-A2-3.2)."""

from collections import defaultdict

from depository.settlement.outcome import Outcome
from depository.settlement.problem import Problem


def check(problem: Problem, outcome: Outcome) -> list[str]:
    """Every broken rule as one English sentence; an empty list means the outcome may be committed.

    Checks: no balance negative after any step; gross instructions one at a time; linked instructions together; every unsettled
    instruction explained; the failing list complete; the certificate's sums right and its bound not below what settled.
    """
    broken: list[str] = []
    count = len(problem.ids)
    settled = [bool(s) for s in outcome.settled]
    step = [int(s) for s in outcome.step]
    if len(settled) != count or len(step) != count:
        return [f"the outcome has {len(settled)} rows for {count} instructions"]
    broken += [
        f"instruction {problem.ids[j]}: settled and step disagree" for j in range(count) if settled[j] != (step[j] > 0)
    ]

    quantity, amount = problem.quantity.tolist(), problem.amount.tolist()
    deliver, receive = problem.deliver.tolist(), problem.receive.tolist()
    payer, payee = problem.payer.tolist(), problem.payee.tolist()
    gross = problem.gross.tolist()
    link = problem.link.tolist()

    by_step: dict[int, list[int]] = defaultdict(list)
    for j in range(count):
        if settled[j]:
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
            for row, change in (
                (deliver[j], -quantity[j]),
                (receive[j], quantity[j]),
                (payer[j], -amount[j]),
                (payee[j], amount[j]),
            ):
                if row >= 0:
                    balance[row] += change
                    touched.add(row)
        broken += [
            f"step {number}: {at.kind} of {at.holder} in {at.asset} go to {balance[row]}"
            for row in sorted(touched)
            if balance[row] < 0
            for at in (problem.positions[row],)
        ]

    groups_settled: dict[int, set[bool]] = defaultdict(set)
    for j in range(count):
        if link[j] >= 0:
            groups_settled[link[j]].add(settled[j])
    broken += [
        f"instruction {problem.ids[j]}: its linked instructions did not all settle"
        for j in range(count)
        if settled[j] and len(groups_settled.get(link[j], set())) > 1
    ]

    explained = {line.id for line in outcome.unsettled}
    broken += [
        f"instruction {problem.ids[j]} is unsettled without a reason"
        for j in range(count)
        if not settled[j] and problem.ids[j] not in explained
    ]
    broken += [
        f"instruction {problem.ids[j]} is settled and listed as unsettled"
        for j in range(count)
        if settled[j] and problem.ids[j] in explained
    ]

    whole_day = problem.opening.tolist()
    for j in range(count):
        for row, change in (
            (deliver[j], -quantity[j]),
            (receive[j], quantity[j]),
            (payer[j], -amount[j]),
            (payee[j], amount[j]),
        ):
            if row >= 0:
                whole_day[row] += change
    failing = {(line.asset, line.holder): line.short_by for line in outcome.failing}
    expected = {
        (problem.positions[p].asset, problem.positions[p].holder): -left for p, left in enumerate(whole_day) if left < 0
    }
    if failing != expected:
        broken.append("the failing participants are not those short when everyone delivers")
    culprits = {line.participant for line in outcome.failing}
    broken += [
        f"instruction {line.id}: blames {name}, who does not fail"
        for line in outcome.unsettled
        for name in line.causes
        if name not in culprits
    ]

    certificate = outcome.certificate
    value = problem.value.tolist()
    if certificate.instructions != count or certificate.count_settled != sum(settled):
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
