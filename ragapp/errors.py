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


class RagappError(Exception):
    """Root of the tree: ``what`` happened, ``why``, and what to do (``fix``)."""

    def __init__(self, what: str, why: str, fix: str) -> None:
        super().__init__(what, why, fix)
        self.what = what
        self.why = why
        self.fix = fix

    def __str__(self) -> str:
        """Return one line: what: why. fix."""
        return " ".join(f"{self.what}: {self.why.rstrip('.')}. {self.fix}".split())


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
        return cls(
            "an error nobody foresaw",
            f"{type(error).__name__}: {error}",
            "The terminal in which ragapp runs says more. Trying again may help.",
        )


class Cancelled(RagappError):
    """A person asked to stop."""
