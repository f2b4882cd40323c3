class Survey:
    def __init__(self, questions, tags=()):
        self.questions = list(questions)
        self.tags = list(tags)
        self.answers = {}

    def tag(self, name):
        self.tags.append(name)

    def answer(self, question, text):
        if question not in self.questions:
            raise KeyError(question)
        self.answers.setdefault(question, []).append(text)

    def summary(self):
        return {question: list(self.answers.get(question, [])) for question in self.questions}
