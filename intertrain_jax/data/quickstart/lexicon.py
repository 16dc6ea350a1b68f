"""The words of the quickstart language: taxonomies, quantifiers, determiners and opinions."""

from __future__ import annotations

from dataclasses import dataclass

# A taxonomy gives every word its parent; a word stands for itself and for everything below it.
_NOUNS: dict[str, str | None] = {
    "animal": None, "dog": "animal", "cat": "animal", "bird": "animal", "horse": "animal",
    "poodle": "dog", "beagle": "dog", "terrier": "dog", "kitten": "cat", "tomcat": "cat",
    "sparrow": "bird", "robin": "bird", "crow": "bird", "pony": "horse", "stallion": "horse",
    "worker": None, "artist": "worker", "doctor": "worker", "teacher": "worker", "cook": "worker",
    "singer": "artist", "painter": "artist", "dancer": "artist", "surgeon": "doctor",
    "dentist": "doctor", "tutor": "teacher", "coach": "teacher", "baker": "cook",
    "youngster": None, "boy": "youngster", "girl": "youngster", "pupil": "youngster",
}  # fmt: skip
_VERBS: dict[str, str | None] = {
    "move": None, "walk": "move", "run": "move", "jump": "move", "dance": "move",
    "rest": None, "sleep": "rest", "sit": "rest", "doze": "rest",
}  # fmt: skip
_PLACES: dict[str, str | None] = {
    "outside": None, "in the park": "outside", "in the garden": "outside",
    "on the beach": "outside", "in the street": "outside", "inside": None,
    "in the kitchen": "inside", "in the hall": "inside", "in the office": "inside",
    "in the library": "inside",
}  # fmt: skip
PARENTS: dict[str, str | None] = {**_NOUNS, **_VERBS, **_PLACES}
NOUNS, VERBS, PLACES = tuple(_NOUNS), tuple(_VERBS), tuple(_PLACES)
ANYWHERE = ""  # no place is mentioned

# Each quantifier's surface forms: words, and whether a plural follows.
ALL, SOME, NO, NOT_ALL = "all", "some", "no", "not all"
QUANTIFIERS: dict[str, tuple[tuple[str, bool], ...]] = {
    ALL: (("all", True), ("every", False), ("each", False)),
    SOME: (("some", True), ("at least one", False), ("a", False)),
    NO: (("no", True), ("not a single", False), ("no", False)),
    NOT_ALL: (("not all", True), ("not every", False)),
}

TRANSITIVE = ("chase", "follow", "lead", "help", "watch", "greet", "visit", "like", "know", "hear")
ATTRIBUTES = ("near", "behind", "with", "beside")
ADVERBS = ("quickly", "slowly", "quietly", "often", "today", "again")
NUMBERS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
SINGULAR_DETERMINERS = ("a", "the", "this", "that", "every", "one")
PLURAL_DETERMINERS = ("the", "these", "those", "some", "many", "few", *NUMBERS)


@dataclass(frozen=True)
class Domain:
    """What opinions are about: its things, and the praise and blame that only it uses."""

    things: tuple[str, ...]
    praise: tuple[str, ...]
    blame: tuple[str, ...]


PRAISE = ("good", "great", "excellent", "wonderful", "lovely", "fantastic", "superb", "pleasant")
BLAME = ("bad", "awful", "terrible", "horrible", "poor", "dreadful", "disappointing", "unpleasant")
FILMS = Domain(
    ("film", "plot", "acting", "ending", "script", "music", "story", "hero"),
    ("gripping", "moving", "clever", "funny", "thrilling", "touching"),
    ("dull", "boring", "silly", "predictable", "shallow", "tedious"),
)
DISHES = Domain(
    ("soup", "bread", "salad", "cake", "sauce", "coffee", "rice", "stew"),
    ("tasty", "fresh", "delicious", "crisp", "juicy", "fragrant"),
    ("stale", "bland", "soggy", "greasy", "burnt", "sour"),
)
DOMAINS = (FILMS, DISHES)
DEGREES = ("very", "really", "quite", "so")
PLEASED = ("enjoyed", "loved", "admired")
DISPLEASED = ("hated", "disliked", "regretted")
PEOPLE = ("i", "we", "they", "anna", "tom", "maria")
# What follows from an opinion: the same words, with one that says whether it was praise or blame.
CONSEQUENCES = (
    ("it made me", ("happy", "glad"), ("sad", "angry")),
    ("we", ("smiled", "applauded"), ("frowned", "complained")),
    ("they", ("recommend", "praise"), ("avoid", "criticise")),
)
# The word that introduces a second statement, by what the first says about it.
CONCLUSIONS = {"entailment": "so", "neutral": "perhaps", "contradiction": "hardly"}
