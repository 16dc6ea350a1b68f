"""What a family of models is: one value that says all that is special to its architecture.

Nothing here, nor in the files that define a family, needs JAX: what computes is named, and imported
when it is first used, so that planning asks a family for its sizes on any laptop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from intertrain_jax.models.hf.keys import KeyTable

if TYPE_CHECKING:
    from intertrain_jax.models.block import TokenBlock
    from intertrain_jax.models.layers import Array, Dropout

Tree = dict[str, Any]


class AnyConfig(Protocol):
    """The shape of a model: what every family's frozen dataclass has in common."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def family(self) -> str:
        """Name in the table of families."""

    @property
    def vocab_size(self) -> int:
        """V, rows of the word embedding."""

    @property
    def hidden_size(self) -> int:
        """D, width of the hidden states."""

    @property
    def num_layers(self) -> int:
        """Layers that read the input."""

    @property
    def num_decoder_layers(self) -> int:
        """Layers that answer; 0 for an encoder."""

    @property
    def num_heads(self) -> int:
        """H, heads of attention."""

    @property
    def intermediate_size(self) -> int:
        """Width of the feed-forward part."""

    @property
    def type_vocab_size(self) -> int:
        """Types of tokens; 1 where they are all alike."""

    @property
    def max_length(self) -> int | None:
        """The longest segment in tokens; None where any length can be computed."""

    @property
    def hidden_dropout(self) -> float:
        """Rate of hidden and embedding dropout."""

    @property
    def attention_dropout(self) -> float:
        """Rate on attention probabilities."""

    @property
    def classifier_dropout(self) -> float:
        """Rate inside the classification head."""

    @property
    def pad_token_id(self) -> int:
        """The token of padding."""

    @property
    def initializer_range(self) -> float:
        """Standard deviation of a fresh head's kernels."""

    @property
    def shape(self) -> AnyConfig:
        """Itself without what may differ between runs that share a program."""


class TextConfig(AnyConfig, Protocol):
    """The shape of a model that answers in words."""

    @property
    def start_token_id(self) -> int:
        """The token before every answer."""


@dataclass(frozen=True)
class LayerSizes:
    """The sizes of the layers that every input token passes: those of an encoder.

    Attributes:
        layers: how many.
        width: D.
        inner: width of the feed-forward part.
        attention: width of all heads together.
        matrices: of the feed-forward part; three where it has a gate.
    """

    layers: int
    width: int
    inner: int
    attention: int
    matrices: int = 2

    @property
    def parameters(self) -> int:
        """Numbers in the matrices, which do all but a thousandth of the work."""
        return self.layers * self.width * (4 * self.attention + self.matrices * self.inner)


class Network(Protocol):
    """A family's network with a classification head: pure functions of parameters and a block."""

    def shapes(self, config: Any, num_classes: int | None) -> Tree:
        """Returns the tree of `jax.ShapeDtypeStruct`s, under "head" those of a head if it has one."""

    def head_shapes(self, config: Any, num_classes: int) -> Tree:
        """Returns the tree of a head alone: {layer: {"kernel", "bias"}}, the last layer "out".

        It is what a linear probe trains.
        """

    def hidden_states(
        self, params: Tree, config: Any, block: TokenBlock, dtype: Any = np.float32
    ) -> Array:
        """Returns the last hidden states of what reads the input [R, L, D], without dropout."""

    def head_features(self, params: Tree, config: Any, block: TokenBlock, dtype: Any) -> Array:
        """Returns what a head reads of every segment [R, Q, D], without dropout."""

    def head_logits(
        self, head: Tree, config: Any, features: Array, dropout: Dropout | None
    ) -> Array:
        """Returns float32 logits [..., C] of a head on features [..., D].

        Args:
            head: the head's parameters.
            config: the model's shape.
            features: of `head_features`.
            dropout: keys [...] of the features' first tokens, and rates; or None.
        """

    def classify(
        self,
        params: Tree,
        words_RxLxD: Array,
        config: Any,
        block: TokenBlock,
        dropout: Dropout | None,
        dtype: Any = np.float32,
    ) -> Array:
        """Returns float32 logits [R, Q, C] of every segment, given its looked-up word embeddings."""


class TextNetwork(Protocol):
    """A family's network that answers in words."""

    def shapes(self, config: Any, own_head: bool) -> Tree:
        """Returns the tree of `jax.ShapeDtypeStruct`s, with an output of its own where it has one."""

    def has_own_head(self, config: Any) -> bool:
        """Whether the output is not the word embedding."""

    def bind(self, params: Tree, config: Any) -> Any:
        """Returns the module of `encode`, `decode` and `logits` that computes with `params`."""

    def encode(
        self, params: Tree, config: Any, block: TokenBlock, dtype: Any = np.float32
    ) -> Array:
        """Returns the encoder's output [R, L, D], without dropout."""

    def decoder_inputs(self, texts_RxQxT: Array, config: Any) -> Array:
        """Returns what the decoder reads to give texts (-1 where there is no token)."""

    def text_logits(
        self,
        params: Tree,
        config: Any,
        block: TokenBlock,
        encoded_RxLxD: Array,
        inputs_RxQxT: Array,
    ) -> Array:
        """Returns float32 logits [R, Q, T, V] for the decoder's input ids, without dropout."""

    def generate(
        self, params: Tree, config: Any, block: TokenBlock, encoded_RxLxD: Array, length: int
    ) -> Array:
        """Returns greedy texts, int32 [R, Q, length]: up to the end token, then padding."""


def columns(ids: NDArray[Any], config: AnyConfig) -> NDArray[np.int64]:
    """Returns the position of every token of a padded batch [B, L]: its column."""
    return np.broadcast_to(np.arange(ids.shape[1]), ids.shape)


def _nothing(config: Any) -> Tree:
    return {}


@dataclass(frozen=True)
class Family:
    """What one family of models consists of.

    Attributes:
        name: in the table, and in `config.family`.
        model_types: `model_type` in config.json → how transformers' class names begin.
        headed: how transformers' name of the class with a head ends.
        config: (content of config.json, name for messages) → configuration, a frozen dataclass.
        keys: configuration → the names of its tensors in files.
        layers: configuration → sizes of the layers that input tokens pass, for estimates.
        network_at: "module:class" of the `Network`, made with `layout`.
        layout: what tells this family's network from others of the same class.
        texts_at: module that is the `TextNetwork`; None for a family that only classifies.
        fill: configuration → arrays of `KeyTable.optional`, for files that lack them.
        positions: (ids [B, L] of a padded batch, configuration) → positions as in transformers.
        token_types: whether the network reads types of tokens.
        published: sizes of well-known models, by their hub id.
    """

    name: str
    model_types: Mapping[str, str]
    headed: str
    config: Callable[[Mapping[str, Any], str], AnyConfig]
    keys: Callable[[Any], KeyTable]
    layers: Callable[[Any], LayerSizes]
    network_at: str
    layout: tuple[Any, ...] = ()
    texts_at: str | None = None
    fill: Callable[[Any], Tree] = _nothing
    positions: Callable[[NDArray[Any], Any], NDArray[Any]] = columns
    token_types: bool = True
    published: Mapping[str, LayerSizes] = field(default_factory=dict)

    @property
    def text_to_text(self) -> bool:
        """Whether it answers in words, so that a protocol must say how it decides."""
        return self.texts_at is not None

    @cached_property
    def network(self) -> Network:
        """The network that classifies."""
        module, _, name = self.network_at.partition(":")
        made: Network = getattr(import_module(module), name)(*self.layout)
        return made

    @cached_property
    def texts(self) -> TextNetwork:
        """The network that answers in words, of a family that has one."""
        if self.texts_at is None:
            raise TypeError(f"family {self.name} does not answer in words")
        found: Any = import_module(self.texts_at)  # a module that has the protocol's functions
        return found

    def shapes(self, config: Any, outputs: int | None) -> Tree:
        """Returns the tree of `jax.ShapeDtypeStruct`s of a file.

        Args:
            config: the model's shape.
            outputs: of the head that the file has, under "head"; None where it has none.
        """
        if self.text_to_text:
            return self.texts.shapes(config, own_head=outputs is not None)
        return self.network.shapes(config, outputs)
