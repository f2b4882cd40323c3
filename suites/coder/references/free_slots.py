def free_slots(busy, opening, closing, length):
    slots = []
    free_from = opening
    for start, end in sorted(busy):
        if min(start, closing) - free_from >= length:
            slots.append((free_from, min(start, closing)))
        free_from = max(free_from, end)
    if closing - free_from >= length:
        slots.append((free_from, closing))
    return slots
