import sys

STEPS = 10_000
NEEDED = {"add": 2, "sub": 2, "mul": 2, "dup": 1, "swap": 2, "drop": 1, "print": 1, "jumpif": 1}
NAMING = ("jump", "jumpif", "call")


class FaultError(Exception):
    pass


def read(text):
    program, labels = [], {}
    for number, line in enumerate(text.split("\n"), 1):
        words = line.partition("#")[0].split()
        if len(words) == 1 and words[0].endswith(":"):
            labels[words[0][:-1]] = len(program)
        elif words:
            program.append((number, words))
    for number, words in program:
        known = words[0] in NEEDED or words[0] in ("push", "return", "halt", *NAMING)
        if not known or (words[0] in NAMING and words[1] not in labels):
            raise FaultError(number)
    return program, labels


def run(program, labels):
    stack, calls, at = [], [], 0
    for _ in range(STEPS):
        if at == len(program):
            return
        number, (word, *operand) = program[at]
        at += 1
        if len(stack) < NEEDED.get(word, 0) or (word == "return" and not calls):
            raise FaultError(number)
        if word == "push":
            stack.append(int(operand[0]))
        elif word in ("add", "sub", "mul"):
            second, first = stack.pop(), stack.pop()
            stack.append({"add": first + second, "sub": first - second, "mul": first * second}[word])
        elif word == "dup":
            stack.append(stack[-1])
        elif word == "swap":
            stack[-2:] = stack[-1], stack[-2]
        elif word == "drop":
            stack.pop()
        elif word == "print":
            print(stack.pop())
        elif word == "jump":
            at = labels[operand[0]]
        elif word == "jumpif":
            at = labels[operand[0]] if stack.pop() != 0 else at
        elif word == "call":
            calls.append(at)
            at = labels[operand[0]]
        elif word == "return":
            at = calls.pop()
        else:
            return
    if at < len(program):
        raise FaultError("endless")


try:
    run(*read(sys.stdin.read()))
except FaultError as fault:
    print("endless" if fault.args[0] == "endless" else f"fault in line {fault}")
    sys.exit(1)
