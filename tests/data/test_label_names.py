"""Label names stand at the ids of real data: a class is where its telltale word is most frequent."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from intertrain_jax.config.experiment import DataConfig
from intertrain_jax.data import label_names
from intertrain_jax.data.load import load_task
from intertrain_jax.data.registry import TASKS
from intertrain_jax.data.tasks import get_task

# Task → words, of which each occurs in a larger share of its class than of any other.
TELLTALES = {
    "dbpedia": {
        "Company": "company",
        "EducationalInstitution": "school",
        "Artist": "singer",
        "Athlete": "footballer",
        "OfficeHolder": "politician",
        "MeanOfTransportation": "aircraft",
        "Building": "church",
        "NaturalPlace": "river",
        "Village": "village",
        "Animal": "moth",
        "Plant": "plant",
        "Album": "album",
        "Film": "film",
        "WrittenWork": "novel",
    },
    "yahoo_answers": {
        "Society & Culture": "god",
        "Science & Mathematics": "equation",
        "Health": "weight",
        "Education & Reference": "school",
        "Computers & Internet": "computer",
        "Sports": "football",
        "Business & Finance": "business",
        "Entertainment & Music": "song",
        "Family & Relationships": "girlfriend",
        "Politics & Government": "president",
    },
    "20_newsgroups": {
        "alt.atheism": "atheists",
        "comp.graphics": "polygon",
        "comp.os.ms-windows.misc": "windows",
        "comp.sys.ibm.pc.hardware": "scsi",
        "comp.sys.mac.hardware": "centris",
        "comp.windows.x": "xterm",
        "misc.forsale": "shipping",
        "rec.autos": "car",
        "rec.motorcycles": "bike",
        "rec.sport.baseball": "baseball",
        "rec.sport.hockey": "hockey",
        "sci.crypt": "encryption",
        "sci.electronics": "circuit",
        "sci.med": "patients",
        "sci.space": "orbit",
        "soc.religion.christian": "christians",
        "talk.politics.guns": "gun",
        "talk.politics.mideast": "israeli",
        "talk.politics.misc": "stephanopoulos",
        "talk.religion.misc": "objective",
    },
    # Of some faces no word tells.
    "tweet_emoji": {
        "face with tears of joy": "lol",
        "fire": "lit",
        "smiling face with sunglasses": "cool",
        "sparkles": "magical",
        "blue heart": "blue",
        "United States": "america",
        "sun": "sunny",
        "purple heart": "purple",
        "Christmas tree": "christmas",
        "camera with flash": "by",
    },
}
NAMED = {
    "dbpedia": label_names.DBPEDIA,
    "yahoo_answers": label_names.YAHOO,
    "20_newsgroups": label_names.NEWSGROUPS,
    "tweet_emoji": label_names.EMOJI,
}


@pytest.mark.parametrize("name", TELLTALES)
def test_a_class_is_where_its_word_is_most_frequent(shared_data: Path, name: str) -> None:
    if not (shared_data / name).is_dir():
        pytest.skip(f"no real data of {name}")
    data = load_task(get_task(name), DataConfig(data_dir=str(shared_data)))
    words = set(TELLTALES[name].values())
    seen: Counter[tuple[str, float]] = Counter()
    of_class: Counter[float] = Counter()
    for rows in data.splits.values():
        of_class.update(rows.labels)
        for texts, label in zip(rows.texts, rows.labels, strict=True):
            found = words & set(re.findall("[a-z]+", " ".join(texts).lower()))
            seen.update((word, label) for word in found)
    names = NAMED[name]
    assert data.task.labels == names and set(of_class) == set(range(len(names)))
    for label, word in TELLTALES[name].items():
        share = {id_: seen[word, id_] / count for id_, count in of_class.items()}
        assert names[int(max(share, key=share.__getitem__))] == label, word


def test_the_fine_types_of_questions_are_those_of_the_coarse_ones() -> None:
    """50 of them, as Li and Roth (2002) count."""
    coarse = get_task("trec_coarse").labels
    counts = Counter(name.partition(":")[0] for name in label_names.TREC_FINE)
    assert counts == {"ABBR": 2, "ENTY": 22, "DESC": 4, "HUM": 4, "LOC": 5, "NUM": 13}
    assert tuple(counts) == coarse, "groups stand together, in the order of the coarse ones"


def test_newsgroups_are_numbered_by_the_alphabet() -> None:
    """As the archive's folders are."""
    assert list(label_names.NEWSGROUPS) == sorted(label_names.NEWSGROUPS)


def test_every_list_is_of_a_task_that_reads_its_ids() -> None:
    lists = {value for name, value in vars(label_names).items() if name.isupper()}
    assert lists <= {task.labels for task in TASKS}
    assert len(lists) == 5 and all(len(set(names)) == len(names) for names in lists)
