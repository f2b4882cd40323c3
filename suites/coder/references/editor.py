from contextlib import contextmanager


class Editor:
    def __init__(self, text=""):
        self.text = text
        self._undo = []
        self._redo = []
        self._before = None
        self._typed_to = None

    def _change(self, text, joins=False):
        if self._before is None:
            if not joins:
                self._undo.append(self.text)
            self._redo.clear()
        self.text = text

    def insert(self, position, text):
        if not 0 <= position <= len(self.text):
            raise IndexError(position)
        if text:
            joins = position == self._typed_to and self._before is None
            self._change(self.text[:position] + text + self.text[position:], joins)
            self._typed_to = position + len(text) if self._before is None else None

    def delete(self, position, count):
        if count < 0 or not 0 <= position <= position + count <= len(self.text):
            raise IndexError(position)
        if count:
            self._change(self.text[:position] + self.text[position + count :])
            self._typed_to = None

    def _step(self, source, target):
        if self._before is not None:
            raise RuntimeError("not inside a group")
        self._typed_to = None
        if not source:
            return False
        target.append(self.text)
        self.text = source.pop()
        return True

    def undo(self):
        return self._step(self._undo, self._redo)

    def redo(self):
        return self._step(self._redo, self._undo)

    @contextmanager
    def group(self):
        if self._before is not None:
            yield
            return
        self._before = self.text
        self._typed_to = None
        try:
            yield
        except BaseException:
            self.text = self._before
            raise
        else:
            if self.text != self._before:
                self._undo.append(self._before)
                self._redo.clear()
        finally:
            self._before = None
