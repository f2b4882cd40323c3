def draw_tree(paths):
    root = {}
    for path in paths:
        *folders, name = path.split("/")
        folder = root
        for each in folders:
            folder = folder.setdefault(each + "/", {})
        if name:
            folder[name] = None
    return [line for name, inner in ordered(root) for line in [name, *drawn(inner)]]


def ordered(folder):
    return sorted(folder.items(), key=lambda item: (item[1] is None, item[0].rstrip("/")))


def drawn(folder):
    entries = ordered(folder or {})
    lines = []
    for number, (name, inner) in enumerate(entries):
        last = number == len(entries) - 1
        lines.append(("└── " if last else "├── ") + name)
        lines += [("    " if last else "│   ") + line for line in drawn(inner)]
    return lines
