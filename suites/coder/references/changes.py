def changes(old, new):
    found = []
    for key in sorted(old.keys() | new.keys()):
        if key not in new:
            found.append(("removed", (key,), old[key]))
        elif key not in old:
            found.append(("added", (key,), new[key]))
        elif isinstance(old[key], dict) and isinstance(new[key], dict):
            found += [(kind, (key, *path), *rest) for kind, path, *rest in changes(old[key], new[key])]
        elif type(old[key]) is not type(new[key]) or old[key] != new[key]:
            found.append(("changed", (key,), old[key], new[key]))
    return found
