import heapq


def build_order(needs):
    rank = {target: number for number, target in enumerate(needs)}
    missing = {target: len(set(wanted)) for target, wanted in needs.items()}
    needed_by = {target: [] for target in needs}
    for target, wanted in needs.items():
        for other in set(wanted):
            needed_by[other].append(target)
    ready = [rank[target] for target, count in missing.items() if count == 0]
    names = list(needs)
    order = []
    while ready:
        target = names[heapq.heappop(ready)]
        order.append(target)
        for waiting in needed_by[target]:
            missing[waiting] -= 1
            if missing[waiting] == 0:
                heapq.heappush(ready, rank[waiting])
    if len(order) < len(needs):
        raise ValueError("the targets need each other in a circle")
    return order
