"""Under which condition a rule text says YES or NO, in whatever order and wording people write it.

`If X, this market resolves to "No". Otherwise Yes` makes NO of what the title asks; the usual closing words `Otherwise
it resolves to "No"` do not. Only the condition, held against the title, tells the two apart: see `polarity`.
"""

import re
from dataclasses import dataclass

from markets.matching.text import fold

_ABBREVIATED = "".join(
    rf"(?<!\b{word})" for word in ("Jr", "Sr", "St", "vs", "Mr", "Ms", "Dr", "No", "Inc", "e.g", "i.e")
)
_SENTENCE = re.compile(rf"{_ABBREVIATED}(?<!\b[A-Z])[.!?][\"'”’)]*\s+|(?<=\bNo)[.][\"'”’)]+\s+|(?<=\b[Nn]o)\.\s+(?!\d)|\n+",
                       re.IGNORECASE)  # fmt: skip
_EXAMPLE = re.compile(
    r"\((?:e\.g|i\.e|for example|for instance)[^)]*\)|^(?:e\.g|for example|for instance)\b.*"
)
_ON = (r"(?:if|when(?:ever)?|where|should|provided|only|as long as|so long as|upon|once"
       r"|in (?:the )?(?:event|case)|on condition)")  # fmt: skip
_ELSE = (
    r"(?:otherwise|or else|else|if not(?=,)|failing (?:that|this)|if none of|in (?:all|any|every) other"
    r"(?: (?:case|event|scenario|circumstance|situation|outcome)s?)?|in (?:all|every) (?:the )?remaining cases)"
)
_UNLESS = r"(?:unless|except (?:if|when|where)|save (?:if|when)|barring)"
_WORD = r"\"?(?P<{0}>yes|no)\b[\"):,.]*(?: (?:outcome|side|position|shares?|holders?|contracts?)\b)*"
_ENDS = (
    rf"(?=\W*(?:$|[,;:!)(-])|\.| ?(?:{_ON}|{_ELSE}|{_UNLESS}|and|or|but|for|on|as|even|regardless|immediately|after|by"
    r"|at|while|because|since|this|the|it)\b)"
)
_VERB = (
    r"\b(?:resolv\w*|settl\w*|pay\w*|expir\w*|clos\w*|determin\w*|grad\w*|conclud\w*|count\w*|judged|deemed)"
)
_OUTCOME = re.compile(
    rf"{_VERB}(?: (?:out|up|to|as|at|in|favou?r|of|for|with|be|the|a|an"
    r"|this|market|contract|question))*[ :]*" + _WORD.format("verb") + _ENDS
    + rf"|(?<![a-z])(?:to |as )?{_WORD.format('bare')}(?= (?:{_ON}|{_ELSE}|{_UNLESS})\b)"
    + rf"|(?<![a-z])(?:a |the )?{_WORD.format('subject')} ?"
    + r"(?:(?<=:)|(?<=: )|(?==|means\b|(?:wins?|pays?|requires?|applies)\b|(?:is|are|will be) paid\b))"
    + rf"|(?:{_ELSE})[ ,]+(?:to |is |it is )?{_WORD.format('rest')}(?=\W*$|[,;.])"
)  # fmt: skip
_PAID = re.compile(
    r"[\s\"')]*(?:=|(?:means|wins?|pays?(?: out)?|requires?|applies|(?:is|are|will be) paid)(?: out| that)?\b) ?"
)
_AFTER_ON = re.compile(rf"[\s\"')]*{_ON}\b(?: (?:if|when|and|that|of|the event|case|it is|only))*")
_FALSE = re.compile(r"\bresolv\w* (?:to |as |in )?(?:the )?(?:false|negative(?:ly)?)\b")
_NO_SOMEHOW = re.compile(r"[\"“]No[\"”]|\bNO\b|\b[Ii]nverse market|\b[Ii]nverted market")
_DENIED = re.compile(r"(?:\bnot|\bnever|cannot|wont)(?: be)?\s*$")
_AFTER_UNLESS = re.compile(rf"[\s\"'),]*(?:{_UNLESS})\b(?: (?:if|when|that))?")
_AFTER_ELSE = re.compile(rf"[\s\"'),]*(?:{_ELSE})\b")
_BEFORE_ELSE = re.compile(rf"(?:^|[,;:.-] ?)[\"') ]*(?:and |but |or )?(?:{_ELSE})\b")
_BEFORE_ON = re.compile(rf"\b(?:{_ON})\b(?: (?:that|of|if|the event|it is))*")
_BEFORE_UNLESS = re.compile(rf"\b(?:{_UNLESS})\b(?: that)?")
_SUBJECT = re.compile(
    r"[\s,;:\"'(-]*(?:\b(?:and|or|but|then|it|this|the|that|such|all|market|markets|contract|question|bet|will|shall|would|should"
    r"|must|may|can|is|to|be|also|immediately|instead|in that case|in this case|automatically|therefore)\b[\s,;:\"')-]*)*$"
)
_THAT_CASE = re.compile(r"^\W*(?:in (?:that|this|such|which)(?: a)? (?:case|event)|if so|then)\b")


@dataclass(frozen=True, slots=True)
class Clause:
    """`yes`: which outcome; `condition`: of what, folded. Empty for `otherwise`."""

    yes: bool
    condition: str

    @property
    def otherwise(self) -> bool:
        """Whether it is what remains when no other clause applies."""
        return not self.condition


def read(text: str) -> tuple[Clause, ...]:
    """Every clause of a rule text, in its order."""
    found: list[Clause] = []
    before = ""
    for raw in _SENTENCE.split(text):
        sentence = _FALSE.sub("resolves to no", _EXAMPLE.sub(" ", fold(raw))).strip()
        if sentence:
            told = _sentence(sentence, before)
            if (
                not told and _NO_SOMEHOW.search(raw) and not raw.isupper()
            ):  # not understood: as a condition of NO
                told = [Clause(False, _trim(fold(_NO_SOMEHOW.sub(" ", raw))))]
            found += told
            before = sentence
    return tuple(found)


def _sentence(sentence: str, before: str) -> list[Clause]:
    found: list[Clause] = []
    outcomes = list(_OUTCOME.finditer(sentence))
    for place, match in enumerate(outcomes):
        start = outcomes[place - 1].end() if place else 0
        end = outcomes[place + 1].start() if place + 1 < len(outcomes) else len(sentence)
        yes = next(word for word in match.groupdict().values() if word) == "yes"
        if match["rest"]:
            found.append(Clause(yes, ""))
            continue
        stands_for = bool(match["subject"])
        found += _clauses(
            yes, sentence[start : match.start()], sentence[match.end() : end], before, stands_for
        )
    return found


def _clauses(yes: bool, lead: str, tail: str, before: str, told: bool) -> list[Clause]:
    """One outcome with the words before and after it."""
    if _DENIED.search(lead):  # `will not resolve to Yes if`
        yes, lead = not yes, _DENIED.sub("", lead)
    if paid := _PAID.match(tail):  # `NO pays if`, `Yes = Bulls win`
        tail, told = tail[paid.end() :], True
    if unless := _AFTER_UNLESS.match(tail):
        return [Clause(not yes, _trim(tail[unless.end() :])), Clause(yes, "")]
    if _AFTER_ELSE.match(tail) or _BEFORE_ELSE.search(lead):
        return [Clause(yes, "")]
    after = _AFTER_ON.match(tail)
    if (after or told) and (condition := _trim(tail[after.end() if after else 0 :])):
        return [Clause(yes, condition)]
    if _THAT_CASE.match(lead):
        return [Clause(yes, before)] if before else []
    if unless := _BEFORE_UNLESS.search(lead):
        return [Clause(not yes, _trim(lead[unless.end() :])), Clause(yes, "")]
    if on := _BEFORE_ON.search(lead):
        lead = lead[on.end() :]
    condition = _trim(lead)
    return [Clause(yes, condition)] if condition else []


def _trim(condition: str) -> str:
    """Without the words that already belong to the next outcome."""
    return _SUBJECT.sub("", condition).strip(" ,.;:\"'()-")
