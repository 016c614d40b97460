"""Work of the kind that Python programs do: objects, dictionaries, strings, generators, long integers, sorting."""
import sys


class Account:
    __slots__ = ("name", "balance", "history")

    def __init__(self, name):
        self.name = name
        self.balance = 0
        self.history = []

    def book(self, amount):
        self.balance += amount
        self.history.append(amount)
        if len(self.history) > 16:
            self.history.pop(0)


def accounts(count):
    book = {}
    state = 12345
    for _ in range(count):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        name = "account-%d" % (state % 500)
        account = book.get(name)
        if account is None:
            account = book[name] = Account(name)
        account.book(state % 1000 - 400)
    ranking = sorted(book.values(), key=lambda a: (-a.balance, a.name))
    return [(a.name, a.balance, sum(a.history)) for a in ranking[:3]]


def queens(size):
    def place(row, columns, left, right):
        if row == size:
            yield 1
            return
        for column in range(size):
            if column in columns or row + column in left or row - column in right:
                continue
            yield from place(row + 1, columns | {column}, left | {row + column}, right | {row - column})
    return sum(place(0, frozenset(), frozenset(), frozenset()))


def words(count):
    text = " ".join("%x" % (i * 2654435761 & 0xFFFFFF) for i in range(count))
    seen = {}
    for word in text.upper().split():
        key = word[:2][::-1]
        seen[key] = seen.get(key, 0) + len(word)
    return len(text), sum(v * ord(k[0]) for k, v in seen.items())


def floats(count):
    total = 0.0
    for i in range(1, count):
        total += (i % 7) ** 0.5 / i
    return round(total, 9)


def main(scale):
    for turn in range(scale):
        print(turn, accounts(6000), queens(6), words(4000), floats(8000), len(str(3 ** (4000 + turn))))


main(int(sys.argv[1]))
