"""What is known of published tables: sizes of the test sets behind columns, and an order of columns.

Sizes are those of the public data sets' test splits, or of the validation splits where labels of the
test are hidden (GLUE, SuperGLUE), as their papers and the hub state them; ag_news, dbpedia and
yahoo_answers were cut to 3,000 test examples for the public site (its runs' scores are whole numbers of
3,000). Where a data set is used with several splits, all of them are given. A size is used only for a
column whose scores agree with it, so a column under the same name that holds something else is free.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from intertrain_jax.diagnosis.shifts import Ints

# Rank correlations: no count of right answers stands behind them.
FREE = frozenset({"stsb", "sts_b"})

SIZES: dict[str, tuple[int, ...]] = {
    # GLUE and SuperGLUE, official validation (and public test) splits
    "cola": (1043,),
    "mrpc": (408, 1725),
    "qqp": (40430,),
    "mnli": (9832, 9815),
    "mnli_lp": (9832, 9815),
    "qnli": (5463,),
    "rte": (277,),
    "wnli": (71,),
    "sst2": (872, 1821),
    "boolq": (3270,),
    "cb": (56,),
    "copa": (100,),
    "multirc": (4848,),
    "wic": (638,),
    "wsc": (104,),
    # official test splits
    "esnli": (9824,),
    "anli": (3200,),
    "trec_coarse": (500,),
    "trec_fine": (500,),
    "imdb": (25000,),
    "rotten_tomatoes": (1066,),
    "sst_5bins": (2210,),
    "sst5": (2210,),
    "poem_sentiment": (104,),
    "amazon_reviews_multi": (5000,),
    "20_newsgroup": (7532,),
    "20_newsgroups": (7532,),
    "ag_news": (3000, 7600),
    "dbpedia": (3000, 70000),
    "yahoo_answers": (3000, 60000),
    # TweetEval
    "tweet_ev_emoji": (50000,),
    "tweet_ev_emotion": (1421,),
    "tweet_ev_hate": (2970,),
    "tweet_ev_irony": (784,),
    "tweet_ev_offensive": (860,),
    "tweet_ev_sentiment": (12284,),
    "tweet_stance_abortion": (280,),
    "tweet_stance_atheism": (220,),
    "tweet_stance_climate": (169,),
    "tweet_stance_feminist": (285,),
    "tweet_stance_hillary": (295,),
    # no official test split: sizes of the cuts behind the public site, from its runs' scores
    "financial_phrasebank": (1000,),
    "isear": (1534,),
}
for _name in ("emoji", "emotion", "hate", "irony", "offensive", "sentiment"):
    SIZES[f"tweet_{_name}"] = SIZES[f"tweet_ev_{_name}"]

# The order in which the public site's pipeline kept the scores of its 36 targets, from its list of runs.
SITE_ORDER = (
    "cola mrpc qqp stsb boolq cb copa multirc wic wsc ag_news isear yahoo_answers dbpedia 20_newsgroup"
    " trec_fine trec_coarse poem_sentiment imdb rotten_tomatoes sst_5bins sst2 amazon_reviews_multi"
    " financial_phrasebank tweet_ev_emoji tweet_ev_emotion tweet_ev_hate tweet_ev_irony"
    " tweet_ev_offensive tweet_ev_sentiment mnli qnli rte wnli esnli anli"
).split()
# A table is the site's if it has this many of its columns, and hardly any other.
_SITE_COLUMNS, _SITE_SHARE = 12, 0.8


def key(column: object) -> str:
    """Returns a column's name as this module writes it."""
    return str(column).strip().casefold().replace("-", "_").replace(" ", "_")


def known_sizes(column: object) -> tuple[int, ...]:
    """Returns the sizes that a column's test set may have; none if nothing is known."""
    return SIZES.get(key(column), ())


def site_order(columns: Sequence[object]) -> Ints | None:
    """Returns [T] the site's order of a table's columns, those it lacks last; None for other tables."""
    place = {name: at for at, name in enumerate(SITE_ORDER)}
    known = [key(column) in place for column in columns]
    if sum(known) < _SITE_COLUMNS or sum(known) < _SITE_SHARE * len(known):
        return None
    rank = [place.get(key(column), len(place)) for column in columns]
    return np.argsort(rank, kind="stable").astype(np.intp)
