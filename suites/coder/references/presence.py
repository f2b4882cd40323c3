import sys

present = {}
total = {}
unclear = set()
for line in sys.stdin:
    if not line.strip():
        continue
    time, what, name = line.split()
    now = int(time[:2]) * 60 + int(time[3:])
    total.setdefault(name, 0)
    if what == "in" and name not in present:
        present[name] = now
    elif what == "out" and name in present:
        total[name] += (now - present.pop(name)) % (24 * 60)
    else:
        unclear.add(name)
unclear |= present.keys()
for name in sorted(total):
    print(name, f"{total[name] // 60}:{total[name] % 60:02}" + (" ?" if name in unclear else ""))
