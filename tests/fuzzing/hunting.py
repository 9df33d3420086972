"""Every kind of wrong value, once to each parameter of each place."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice

from tests.fuzzing.judging import Answer, Parameter, Request
from tests.fuzzing.values import KINDS, Value
from tests.fuzzing.walking import Place

# What another account's row is called where a parameter of that name is read.
Foreign = Callable[[str], str]
Values = Sequence[Value]
Taken = dict[Parameter, list[Values]]


@dataclass
class Hunt:
    """Asks, and keeps what went wrong."""

    foreign: Foreign
    is_long: bool = False
    turn: int = 0
    faults: list[str] = field(default_factory=list)

    def at(self, place: Place) -> None:
        """Send every kind to each parameter, all parameters at once: each field looks
        at its own. One that is refused hides what lies behind it, so those that were
        taken are sent again beside others that are right: together, but for those that
        the page itself refuses. What went as a page goes as a fragment, too, and the
        other way round, where there is little of it or time for it."""
        began = self.turn
        hidden = self._all_at_once(place)
        if self.is_long or len(place.parameters) == 1:
            self.turn = began + 1
            self._all_at_once(place)
        if len(place.parameters) == 1:
            return
        alone = [each for each in hidden if self._is_refused(place, each, hidden)]
        self._mixed(place, {e: v for e, v in hidden.items() if e not in alone})
        for each in alone:
            for values in hidden[each]:
                self._ask(place, 0, {each: values})

    def _all_at_once(self, place: Place) -> Taken:
        """Returns what was taken by its field, or looked at by none, of those requests
        that were refused for another."""
        hidden: Taken = {}
        kinds = [*KINDS, "foreign"]
        for turn in range(len(kinds)):
            ahead = islice(cycle(kinds), turn, None)
            sent = {
                each: self._value(kind, each)
                for each, kind in zip(place.parameters, ahead, strict=False)
            }
            if self._ask(place, turn, sent).depth >= place.depth:
                continue
            fields = place.door.heard.fields
            for each, values in sent.items():
                if fields.get(each.name, True):
                    hidden.setdefault(each, []).append(values)
        return hidden

    def _is_refused(self, place: Place, each: Parameter, hidden: Taken) -> bool:
        return self._ask(place, 0, {each: hidden[each][-1]}).depth < place.depth

    def _mixed(self, place: Place, hidden: Taken) -> None:
        """Several of them a request, each beside others than before."""
        for turn in range(max(map(len, hidden.values()), default=0)):
            sent = {
                each: values[(turn + ahead) % len(values)]
                for ahead, (each, values) in enumerate(hidden.items())
            }
            self._ask(place, turn, sent)

    def _value(self, kind: str, parameter: Parameter) -> Values:
        return KINDS[kind] if kind in KINDS else [self.foreign(parameter.name)]

    def _ask(self, place: Place, turn: int, sent: Mapping[Parameter, Values]) -> Answer:
        """Beside each thing in turn that a browser sends there, as a page and as a
        fragment."""
        request: Request = place.requests[turn % len(place.requests)].given(sent)
        if self.turn % 2:
            request = request.as_fragment()
        self.turn += 1
        answer = place.door.ask(request)
        self.faults += [f"{fault}: {request}" for fault in answer.faults()]
        return answer
