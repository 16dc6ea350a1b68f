"""prototype"""
from __future__ import annotations
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
import numpy as np
from intertrain_jax.data import lexicon as lx
from intertrain_jax.data import grammar as gr

EDITS = 1
Rng = np.random.Generator


def _entail(rng, label):
    want = ("entailment", "neutral", "contradiction")[label]
    while True:
        p = gr.random_statement(rng)
        h = gr.related_statement(rng, p, EDITS)
        if gr.relation(p, h) == want and p != h:
            return gr.say(rng, p), gr.say(rng, h)

def _claims(rng, label):
    while True:
        p = gr.random_statement(rng)
        h = gr.related_statement(rng, p, EDITS)
        if (gr.relation(p, h) == "entailment") == (label == 0) and p != h:
            return gr.say_there_is(rng, p), gr.say(rng, h)

def _contra(rng, label):
    while True:
        p = gr.random_statement(rng)
        h = gr.related_statement(rng, p, EDITS)
        if (gr.relation(p, h) == "contradiction") == (label == 0) and p != h:
            return gr.say(rng, p), gr.say_there_is(rng, h)

def _overlap(rng, label):
    # same topic: related statement or an unrelated one
    p = gr.random_statement(rng)
    h = gr.related_statement(rng, p, EDITS)
    while (gr.ancestors(p.noun, lx.NOUNS)[-1] == gr.ancestors(h.noun, lx.NOUNS)[-1]) != (label == 0):
        h = gr.random_statement(rng)
    return gr.say(rng, p), gr.say(rng, h)

def _reviews(rng, label):
    return (gr.review(rng, lx.FILMS, label == 1),)

def _dishes(rng, label):
    return (gr.review(rng, lx.DISHES, label == 1),)

def _acc(rng, label):
    return ((gr.sentence if label else gr.broken_sentence)(rng),)

PR = {*lx.PRAISE, *lx.FILMS.praise, *lx.DISHES.praise, *lx.PLEASED}
def _keywords(rng, label):
    while True:
        t = gr.review(rng, gr.choose(rng, (lx.FILMS, lx.DISHES)), gr.chance(rng, .5))
        if any(w in PR for w in t.split()) == (label == 1):
            return (t,)

def _topic(rng, label):
    d = (lx.FILMS, lx.DISHES)
    if label < 2:
        return (gr.review(rng, d[label], gr.chance(rng, .5)),)
    return (gr.sentence(rng),)

def _length(rng, label):
    while True:
        t = gr.sentence(rng) if gr.chance(rng, .5) else gr.review(rng, gr.choose(rng, (lx.FILMS, lx.DISHES)), gr.chance(rng, .5))
        if len(t.split()) % 2 == label:
            return (t,)

@dataclass(frozen=True)
class Spec:
    make: Callable
    classes: int
    sizes: tuple[int,int,int]

SPECS = {
    "entail": Spec(_entail, 3, (1200, 200, 400)),
    "claims": Spec(_claims, 2, (120, 100, 400)),
    "contra": Spec(_contra, 2, (120, 100, 400)),
    "reviews": Spec(_reviews, 2, (1000, 200, 400)),
    "dishes": Spec(_dishes, 2, (120, 100, 400)),
    "acc": Spec(_acc, 2, (1000, 200, 400)),
    "overlap": Spec(_overlap, 2, (1000, 200, 400)),
    "keywords": Spec(_keywords, 2, (1000, 200, 400)),
    "topic": Spec(_topic, 3, (1000, 200, 400)),
    "length": Spec(_length, 2, (1000, 200, 400)),
}

def generate(name):
    s = SPECS[name]
    rng = np.random.Generator(np.random.Philox(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8],"big")))
    seen=set(); out={}
    for split,n in zip(("test","validation","train"), (s.sizes[2],s.sizes[1],s.sizes[0])):
        rows=[]
        while len(rows)<n:
            label=len(rows)%s.classes
            t=s.make(rng,label)
            if t in seen: continue
            seen.add(t); rows.append((*t,label))
        out[split]=rows
    return out
