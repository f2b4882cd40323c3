import re


def columns(rows, gap=2):
    """Lay out a table as text.

    - `rows` is a list of lists of strings; the first row is the header. Rows may be of different lengths, and what is
      missing at their ends counts as empty cells.
    - Every column is as wide as its longest cell, and `gap` spaces stand between two columns.
    - A column is set to the right, its header too, if at least one of its cells below the header is not empty, and all
      of these are whole numbers (digits, perhaps with a minus before them). Other columns are set to the left.
    - No line ends with spaces. Lines are joined by line breaks, with none at the end. No rows give an empty text.
    """
    width = max(map(len, rows), default=0)
    full = [row + [""] * (width - len(row)) for row in rows]
    laid = [[] for _ in rows]
    for cells in zip(*full, strict=True):
        widest = max(map(len, cells))
        filled = [cell for cell in cells[1:] if cell]
        right = filled and all(re.fullmatch("-?[0-9]+", cell) for cell in filled)
        for line, cell in zip(laid, cells, strict=True):
            line.append(cell.rjust(widest) if right else cell.ljust(widest))
    return "\n".join((" " * gap).join(line).rstrip(" ") for line in laid)
