"""Which markets of two platforms are the same bet: candidates, a verdict for each, and the reasons.

`match` finds candidates without comparing everything with everything; `judge` compares one pair fact by fact. A
similar wording proposes, contradicting facts refuse, and what cannot be read goes to a person.
"""

from markets.matching.blocking import match
from markets.matching.judging import DIFFERENT, Candidate, judge
from markets.matching.questions import Question, Unreadable, flatten, question_of, question_of_payload

__all__ = [
    "DIFFERENT",
    "Candidate",
    "Question",
    "Unreadable",
    "flatten",
    "judge",
    "match",
    "question_of",
    "question_of_payload",
]
