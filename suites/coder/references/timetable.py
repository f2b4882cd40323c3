def timetable(allowed, clashes, rooms):
    rivals = {talk: set() for talk in allowed}
    for one, two in clashes:
        rivals[one].add(two)
        rivals[two].add(one)
    plan = {}
    used = {}

    def options(talk):
        taken = {plan[rival] for rival in rivals[talk] if rival in plan}
        return [slot for slot in allowed[talk] if slot not in taken and used.get(slot, 0) < rooms]

    def complete():
        open_talks = [talk for talk in allowed if talk not in plan]
        if not open_talks:
            return True
        choices = {talk: options(talk) for talk in open_talks}
        talk = min(open_talks, key=lambda each: (len(choices[each]), -len(rivals[each])))
        for slot in choices[talk]:
            plan[talk] = slot
            used[slot] = used.get(slot, 0) + 1
            if complete():
                return True
            del plan[talk]
            used[slot] -= 1
        return False

    return plan if complete() else None
