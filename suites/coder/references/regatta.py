import sys


def shown(seconds):
    return f"{seconds // 60}:{seconds % 60:02}"


boats = []
for line in sys.stdin:
    name, _, time = line.strip().rpartition(" ")
    if name:
        minutes, seconds = time.split(":")
        boats.append((int(minutes) * 60 + int(seconds), name))
boats.sort()
for number, (time, name) in enumerate(boats):
    if number == 0 or time != boats[number - 1][0]:
        place = number + 1
    behind = f" +{shown(time - boats[0][0])}" if time != boats[0][0] else ""
    print(f"{place}. {name} {shown(time)}{behind}")
