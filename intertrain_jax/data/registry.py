"""The tasks of the paper (its App. C), of the public site, and TweetEval's stance sets.

Hub repositories are those that hold plain data files today; revisions are not pinned where no commit
is known to be right, and records then say so. What the authors' code did to turn structured rows into
text is not published: the renderings here are the plainest ones, and are part of a run's identity.
"""

from __future__ import annotations

from intertrain_jax.data.label_names import DBPEDIA, EMOJI, NEWSGROUPS, TREC_FINE, YAHOO
from intertrain_jax.data.task import HubDataset, Splits, Task

_HIDDEN = Splits()  # the test labels are hidden: test = official validation
_OFFICIAL = Splits(validation="validation", test="test")
_NO_VALIDATION = Splits(test="test")
_ONE_SPLIT = Splits(test=None)

_NLI = ("entailment", "neutral", "contradiction")
_STANCE = ("none", "against", "favor")
_BINARY = ("False", "True")
_FIVE = ("1 star", "2 stars", "3 stars", "4 stars", "5 stars")
_PAIR = ("{sentence1}", "{sentence2}")
_PREMISE = ("{premise}", "{hypothesis}")


def _glue(config: str) -> HubDataset:
    return HubDataset("nyu-mll/glue", config)


def _super_glue(config: str) -> HubDataset:
    return HubDataset("aps/super_glue", config)


def _tweet(name: str, labels: tuple[str, ...], title: str) -> Task:
    return Task(
        f"tweet_{name}",
        f"TweetEval: {title}",
        ("{text}",),
        labels=labels,
        splits=_OFFICIAL,
        groups=("Twitter", "Site36"),
        hub=HubDataset("cardiffnlp/tweet_eval", name),
        site_column=f"tweet_ev_{name}",
    )


def _stance(topic: str) -> Task:
    return Task(
        f"tweet_stance_{topic}",
        f"TweetEval: stance on {topic}",
        ("{text}",),
        labels=_STANCE,
        splits=_OFFICIAL,
        groups=("Stance",),
        hub=HubDataset("cardiffnlp/tweet_eval", f"stance_{topic}"),
    )


_GLUE = ("General", "GLUE", "Site36")
_GLUE_NLI = ("General", "GLUE", "NLI", "Site36")
_SUPER = ("General", "SuperGLUE", "Site36")

TASKS: tuple[Task, ...] = (
    Task(
        "cola",
        "CoLA: linguistic acceptability",
        ("{sentence}",),
        labels=("unacceptable", "acceptable"),
        groups=_GLUE,
        hub=_glue("cola"),
        site_column="cola",
        note="Scored by accuracy, as in the paper, not by Matthews correlation.",
    ),
    Task(
        "sst2",
        "SST-2: sentiment of film reviews",
        ("{sentence}",),
        labels=("negative", "positive"),
        groups=_GLUE,
        hub=_glue("sst2"),
        site_column="sst2",
    ),
    Task(
        "mrpc",
        "MRPC: paraphrases in news",
        _PAIR,
        labels=("not_equivalent", "equivalent"),
        groups=_GLUE,
        hub=_glue("mrpc"),
        site_column="mrpc",
    ),
    Task(
        "qqp",
        "QQP: duplicate questions",
        ("{question1}", "{question2}"),
        labels=("not_duplicate", "duplicate"),
        groups=_GLUE,
        hub=_glue("qqp"),
        site_column="qqp",
    ),
    Task(
        "mnli",
        "MultiNLI",
        _PREMISE,
        labels=_NLI,
        splits=Splits(validation="validation_matched", test="validation_mismatched"),
        groups=_GLUE_NLI,
        hub=_glue("mnli"),
        site_column="mnli",
        note="Matched validates, mismatched tests (paper, App. C).",
    ),
    Task(
        "qnli",
        "QNLI: does the sentence answer the question",
        ("{question}", "{sentence}"),
        labels=("entailment", "not_entailment"),
        groups=_GLUE_NLI,
        hub=_glue("qnli"),
        site_column="qnli",
    ),
    Task(
        "rte",
        "RTE: textual entailment",
        _PAIR,
        labels=("entailment", "not_entailment"),
        groups=_GLUE_NLI,
        hub=_glue("rte"),
        site_column="rte",
    ),
    Task(
        "wnli",
        "WNLI: Winograd schemas as entailment",
        _PAIR,
        labels=("not_entailment", "entailment"),
        groups=_GLUE_NLI,
        hub=_glue("wnli"),
        site_column="wnli",
    ),
    Task(
        "boolq",
        "BoolQ: yes/no questions on a passage",
        ("{question}", "{passage}"),
        labels=_BINARY,
        groups=_SUPER,
        hub=_super_glue("boolq"),
        site_column="boolq",
    ),
    Task(
        "cb",
        "CommitmentBank",
        _PREMISE,
        labels=("entailment", "contradiction", "neutral"),
        groups=_SUPER,
        hub=_super_glue("cb"),
        site_column="cb",
    ),
    Task(
        "copa",
        "COPA: cause or effect",
        ("{premise} What was the {question}?", "{choice1} Or: {choice2}"),
        labels=("choice1", "choice2"),
        groups=_SUPER,
        hub=_super_glue("copa"),
        site_column="copa",
        note="Both choices stand in the second text; how the authors rendered them is not published.",
    ),
    Task(
        "multirc",
        "MultiRC: is this answer right",
        ("{paragraph}", "{question} {answer}"),
        labels=_BINARY,
        groups=_SUPER,
        hub=_super_glue("multirc"),
        site_column="multirc",
        note="One example per answer; accuracy over answers.",
    ),
    Task(
        "wic",
        "WiC: the same sense of a word",
        ("{word}: {sentence1}", "{sentence2}"),
        labels=_BINARY,
        groups=_SUPER,
        hub=_super_glue("wic"),
        site_column="wic",
        note="The word stands before the first sentence; its positions are not marked.",
    ),
    Task(
        "wsc",
        "WSC: what does the pronoun mean",
        ("{text}", "{span2_text} means {span1_text}"),
        labels=_BINARY,
        groups=_SUPER,
        hub=_super_glue("wsc"),
        site_column="wsc",
    ),
    Task(
        "esnli",
        "e-SNLI (without its explanations)",
        _PREMISE,
        labels=_NLI,
        splits=_OFFICIAL,
        groups=("NLI", "Site36"),
        hub=HubDataset("stanfordnlp/snli"),
        site_column="esnli",
        note="e-SNLI's own repository is a script; SNLI has the same pairs and labels.",
    ),
    Task(
        "anli",
        "Adversarial NLI, all rounds",
        _PREMISE,
        labels=_NLI,
        splits=_OFFICIAL,
        groups=("NLI", "Site36"),
        hub=HubDataset(
            "facebook/anli",
            splits={
                "train": "train_r1+train_r2+train_r3",
                "validation": "dev_r1+dev_r2+dev_r3",
                "test": "test_r1+test_r2+test_r3",
            },
        ),
        site_column="anli",
    ),
    _tweet("emotion", ("anger", "joy", "optimism", "sadness"), "emotion"),
    _tweet("emoji", EMOJI, "emoji prediction"),
    _tweet("irony", ("non_irony", "irony"), "irony"),
    _tweet("offensive", ("non-offensive", "offensive"), "offensive language"),
    _tweet("hate", ("non-hate", "hate"), "hate speech"),
    _tweet("sentiment", ("negative", "neutral", "positive"), "sentiment"),
    *(_stance(topic) for topic in ("abortion", "atheism", "climate", "feminist", "hillary")),
    Task(
        "20_newsgroups",
        "20 Newsgroups",
        ("{text}",),
        labels=NEWSGROUPS,
        splits=_NO_VALIDATION,
        groups=("Site36",),
        hub=HubDataset("SetFit/20_newsgroups"),
        site_column="20_newsgroup",
    ),
    Task(
        "ag_news",
        "AG News: topics",
        ("{text}",),
        labels=("World", "Sports", "Business", "Sci/Tech"),
        splits=_NO_VALIDATION,
        groups=("Site36",),
        hub=HubDataset("fancyzhx/ag_news"),
        site_column="ag_news",
    ),
    Task(
        "amazon_reviews",
        "Amazon reviews: stars",
        ("{title}", "{content}"),
        labels=_FIVE,
        splits=_NO_VALIDATION,
        groups=("Site36",),
        site_column="amazon_reviews_multi",
        note="The site's amazon_reviews_multi was withdrawn by its provider; Amazon Review Full (also"
        " five stars, English) stands in for it, and its scores do not compare with the site's",
    ),
    Task(
        "dbpedia",
        "DBpedia: ontology classes",
        ("{title}", "{content}"),
        labels=DBPEDIA,
        splits=_NO_VALIDATION,
        groups=("Site36",),
        hub=HubDataset("fancyzhx/dbpedia_14"),
        site_column="dbpedia",
    ),
    Task(
        "financial_phrasebank",
        "Financial PhraseBank (half of the annotators agree)",
        ("{sentence}",),
        labels=("negative", "neutral", "positive"),
        splits=_ONE_SPLIT,
        groups=("Site36",),
        site_column="financial_phrasebank",
        note="its hub repository is a script, which is no longer run",
    ),
    Task(
        "imdb",
        "IMDB: sentiment of film reviews",
        ("{text}",),
        labels=("neg", "pos"),
        splits=_NO_VALIDATION,
        groups=("Site36",),
        hub=HubDataset("stanfordnlp/imdb"),
        site_column="imdb",
    ),
    Task(
        "isear",
        "ISEAR: emotions in self-reports",
        ("{text}",),
        labels=("anger", "disgust", "fear", "guilt", "joy", "sadness", "shame"),
        splits=_ONE_SPLIT,
        groups=("Site36",),
        site_column="isear",
        note="no repository of its makers is known",
    ),
    Task(
        "poem_sentiment",
        "Poem sentiment",
        ("{verse_text}",),
        labels=("negative", "positive", "no_impact", "mixed"),
        splits=_OFFICIAL,
        groups=("Site36",),
        hub=HubDataset("google-research-datasets/poem_sentiment"),
        site_column="poem_sentiment",
    ),
    Task(
        "rotten_tomatoes",
        "Rotten Tomatoes: sentiment of film reviews",
        ("{text}",),
        labels=("neg", "pos"),
        splits=_OFFICIAL,
        groups=("Site36",),
        hub=HubDataset("cornell-movie-review-data/rotten_tomatoes"),
        site_column="rotten_tomatoes",
    ),
    Task(
        "sst5",
        "SST-5: sentiment in five grades",
        ("{text}",),
        labels=("very negative", "negative", "neutral", "positive", "very positive"),
        splits=_OFFICIAL,
        groups=("Site36",),
        hub=HubDataset("SetFit/sst5"),
        site_column="sst_5bins",
    ),
    Task(
        "stsb",
        "STS-B: similarity of sentences",
        _PAIR,
        metric="spearman",
        groups=("GLUE", "Site36"),
        hub=_glue("stsb"),
        site_column="stsb",
        note="A regression: squared error, scored by Spearman's correlation times 100.",
    ),
    Task(
        "trec_coarse",
        "TREC: question types, coarse",
        ("{text}",),
        labels=("ABBR", "ENTY", "DESC", "HUM", "LOC", "NUM"),
        splits=_NO_VALIDATION,
        groups=("Site36",),
        hub=HubDataset(
            "CogComp/trec", revision="refs/convert/parquet", renames={"coarse_label": "label"}
        ),
        site_column="trec_coarse",
    ),
    Task(
        "trec_fine",
        "TREC: question types, fine",
        ("{text}",),
        labels=TREC_FINE,
        splits=_NO_VALIDATION,
        groups=("Site36",),
        hub=HubDataset(
            "CogComp/trec", revision="refs/convert/parquet", renames={"fine_label": "label"}
        ),
        site_column="trec_fine",
    ),
    Task(
        "yahoo_answers",
        "Yahoo Answers: topics of questions",
        ("{question_title}",),
        labels=YAHOO,
        splits=_NO_VALIDATION,
        groups=("Site36",),
        hub=HubDataset("community-datasets/yahoo_answers_topics", renames={"topic": "label"}),
        site_column="yahoo_answers",
    ),
)
