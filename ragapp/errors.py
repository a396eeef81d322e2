"""Every error a person sees. Each says what happened, why, and what to do next.

RagappError
├── UsageError              a command, option or request that cannot be carried out as asked
├── SettingsError           an unknown key or a value that does not fit
├── DocumentError           a file that could not be read
│   ├── UnsupportedFormat       no reader for this kind of file
│   ├── EmptyDocument           no text in it
│   ├── EncryptedDocument       a password is needed
│   ├── BrokenDocument          damaged, or not text
│   ├── MisnamedDocument        content of another kind than the name says
│   └── DocumentTooCostly       more time or memory than a file may take
├── FetchFailed             a URL could not, or may not, be fetched
├── FileEventsUnavailable   the system does not tell of changes in folders
├── WatchedFolderGone       a folder that is followed has vanished
├── ModelError              weights or tokenizer
│   ├── ModelMissing            not on this machine
│   ├── UnknownModel            neither in the registry, nor a path, nor a hub id
│   ├── HashMismatch            what arrived is not what was promised
│   ├── DownloadFailed          no source answered
│   └── DiskFull                no room for it
├── KnowledgeBaseError      the store
│   ├── KnowledgeBaseMissing    no such knowledge base
│   ├── KnowledgeBaseBusy       somebody else is writing
│   ├── KnowledgeBaseMismatch   made with another model or other rules than those of now
│   └── KnowledgeBaseDamaged    a check failed
├── PromptError             the question
│   ├── EmptyQuestion           nothing asked
│   └── QuestionTooLong         longer than the model's context
├── EngineError             text generation
├── UnforeseenError         nobody wrote an error for this
└── Cancelled               a person asked to stop
"""

from __future__ import annotations

from collections.abc import Mapping

from ragapp.words.catalogue import CHINESE, ENGLISH, Sentences, sentences


class RagappError(Exception):
    """Root of the tree: a ``code`` of the catalogue in ``words`` and the values that it takes.

    A value may itself be an error, or errors under names, said in the same language: one in full,
    several by what happened and why.
    """

    def __init__(self, code: str, **values: object) -> None:
        super().__init__(code, values)
        self.code = code
        self.values = values

    def __reduce__(self) -> tuple[object, ...]:
        """Let copies be made: the values come back by name."""
        return _again, (type(self), self.code, self.values)

    @property
    def what(self) -> str:
        """What happened, in English."""
        return self.sentences().what

    @property
    def why(self) -> str:
        """Why, in English."""
        return self.sentences().why

    @property
    def fix(self) -> str:
        """What to do, in English."""
        return self.sentences().fix

    def sentences(self, language: str = ENGLISH) -> Sentences:
        """Return what happened, why, and what to do, in a language: en or zh."""
        values = {name: _said(value, language) for name, value in self.values.items()}
        return sentences(self.code, language).filled(values)

    def line(self, language: str = ENGLISH) -> str:
        """Return one line: what: why. fix."""
        stop = "。" if language == CHINESE else ". "
        return f"{self.reason(language)}{stop}{_one_line(self.sentences(language).fix)}"

    def reason(self, language: str = ENGLISH) -> str:
        """Return the line without what to do: what: why."""
        said = self.sentences(language)
        colon = "：" if language == CHINESE else ": "
        return f"{_one_line(said.what)}{colon}{_one_line(said.why).rstrip('.。')}"

    def __str__(self) -> str:
        """Return the line in English."""
        return self.line()


def _said(value: object, language: str) -> object:
    if isinstance(value, RagappError):
        return value.line(language)
    if isinstance(value, Mapping):
        colon, semicolon = "：；" if language == CHINESE else (": ", "; ")
        return semicolon.join(
            f"{name}{colon}{error.reason(language)}" for name, error in value.items()
        )
    return value


def _again(kind: type[RagappError], code: str, values: dict[str, object]) -> RagappError:
    return kind(code, **values)


def _one_line(text: str) -> str:
    return " ".join(text.split())


class UsageError(RagappError):
    """A command, option or request that cannot be carried out as asked."""


class SettingsError(RagappError):
    """An unknown key or a value that does not fit."""


class DocumentError(RagappError):
    """A file that could not be read; ``what`` is the file's name."""


class UnsupportedFormat(DocumentError):
    """No reader for this kind of file."""


class EmptyDocument(DocumentError):
    """The file holds no text."""


class EncryptedDocument(DocumentError):
    """The file needs a password."""


class BrokenDocument(DocumentError):
    """The file is damaged, or is not text."""


class MisnamedDocument(DocumentError):
    """The content is of another kind than the file's name says."""


class DocumentTooCostly(DocumentError):
    """Reading the file would take more time or memory than a file may."""


class FetchFailed(RagappError):
    """A URL that was asked for could not, or may not, be fetched."""


class FileEventsUnavailable(RagappError):
    """The system does not tell of changes in folders; they are looked through instead."""


class WatchedFolderGone(RagappError):
    """A folder that is followed has vanished, with most of its files."""


class ModelError(RagappError):
    """Weights or tokenizer."""


class ModelMissing(ModelError):
    """The model is not on this machine."""


class UnknownModel(ModelError):
    """The name is neither in the registry, nor a path, nor a hub id."""


class HashMismatch(ModelError):
    """What arrived is not what was promised."""


class DownloadFailed(ModelError):
    """No source answered."""


class DiskFull(ModelError):
    """There is no room for the files."""


class KnowledgeBaseError(RagappError):
    """The store."""


class KnowledgeBaseMissing(KnowledgeBaseError):
    """There is no knowledge base of that name."""


class KnowledgeBaseBusy(KnowledgeBaseError):
    """Somebody else is writing to it."""


class KnowledgeBaseMismatch(KnowledgeBaseError):
    """It was made with another model, or by other rules, than those of now."""


class KnowledgeBaseDamaged(KnowledgeBaseError):
    """A check of the store failed."""


class PromptError(RagappError):
    """The question cannot be put to the model."""


class EmptyQuestion(PromptError):
    """Nothing was asked."""


class QuestionTooLong(PromptError):
    """The question alone is longer than the model's context."""


class EngineError(RagappError):
    """Text generation failed."""


class UnforeseenError(RagappError):
    """Something that nobody wrote an error for; the log has the whole of it."""

    @classmethod
    def of(cls, error: BaseException) -> UnforeseenError:
        """Wrap an exception for those who only see errors."""
        return cls("unforeseen", error=f"{type(error).__name__}: {error}")


class Cancelled(RagappError):
    """A person asked to stop."""
