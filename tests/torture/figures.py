"""What an attack counted, and what it found."""

VERDICTS = ("lost", "partial", "wrong", "hung")


class Figures:
    def __init__(self):
        self.counts = {}
        self.peaks = {}
        self.verdicts = dict.fromkeys(VERDICTS, 0)
        self.problems = []

    def count(self, what, number=1):
        self.counts[what] = self.counts.get(what, 0) + number

    def most(self, what, number):
        self.peaks[what] = max(self.peaks.get(what, 0), number)

    def blame(self, verdict, text):
        """lost: acknowledged and gone. partial: a transaction is there in part. wrong: an answer, an
        exit status or a message that is not what is documented. hung: no answer, no start, no end."""
        self.verdicts[verdict] += 1
        self.problems.append("%s: %s" % (verdict, text))

    def add(self, other):
        for what, number in other.counts.items():
            self.count(what, number)
        for what, number in other.peaks.items():
            self.most(what, number)
        for verdict, number in other.verdicts.items():
            self.verdicts[verdict] += number
        self.problems += other.problems

    def failed(self):
        return any(self.verdicts.values())
