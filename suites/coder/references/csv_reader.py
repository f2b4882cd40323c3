class CsvReader:
    def __init__(self):
        self.state = "start"  # of a field; then: plain, quoted, closed
        self.field = ""
        self.row = []
        self.carriage_return = False

    def feed(self, chunk):
        rows = []
        for char in chunk:
            if self.carriage_return:
                self.carriage_return = False
                if char != "\n":
                    self._take("\r")
            if char == "\r" and self.state != "quoted":
                self.carriage_return = True
            elif char == "\n" and self.state != "quoted":
                rows.append(self._end_row())
            else:
                self._take(char)
        return rows

    def close(self):
        if self.carriage_return:
            self._take("\r")
        if self.state == "quoted":
            raise ValueError("the text ends inside quotes")
        return [self._end_row()] if self.row or self.state != "start" else []

    def _take(self, char):
        if self.state == "quoted":
            if char == '"':
                self.state = "closed"
            else:
                self.field += char
        elif char == ",":
            self._end_field()
        elif self.state == "closed":
            if char != '"':
                raise ValueError(f"{char!r} follows a closing quote")
            self.field += '"'
            self.state = "quoted"
        elif char == '"':
            if self.state == "plain":
                raise ValueError("a quote inside a field without quotes")
            self.state = "quoted"
        else:
            self.field += char
            self.state = "plain"

    def _end_field(self):
        self.row.append(self.field)
        self.field = ""
        self.state = "start"

    def _end_row(self):
        self._end_field()
        row, self.row = self.row, []
        return row
