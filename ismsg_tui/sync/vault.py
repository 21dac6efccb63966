"""The system's keyring, asked with a time limit: one that waits for somebody at another screen must not keep us."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Protocol, TypeVar

log = logging.getLogger(__name__)

SERVICE = "ismsg"
PATIENCE = 5.0
"""Seconds that a keyring may take for an answer."""
_NONE = ("keyring.backends.fail", "keyring.backends.null")
"""Stand-ins of the library for a keyring that is not there: one fails, the other forgets."""

T = TypeVar("T")


class Vault(Protocol):
    """A place for secrets. Nothing raises."""

    def get(self, key: str) -> str | None:
        """The secret, None where there is none or it can't be had."""
        ...

    def set(self, key: str, secret: str) -> bool:
        """Keep a secret; False where that failed."""
        ...

    def delete(self, key: str) -> None:
        """Forget a secret."""
        ...


class Backend(Protocol):
    """What is used of a keyring of the library."""

    def get_password(self, service: str, username: str) -> str | None:
        """The secret, None where there is none."""
        ...

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep a secret."""
        ...

    def delete_password(self, service: str, username: str) -> None:
        """Forget a secret."""
        ...


class KeyringVault:
    """A keyring of the library `keyring`; one that was too slow once is asked no more."""

    def __init__(self, backend: Backend, patience: float = PATIENCE) -> None:
        self._backend = backend
        self._patience = patience
        self._useless = False

    def get(self, key: str) -> str | None:
        """The secret, None where there is none or it can't be had in time."""
        return self._ask(lambda: self._backend.get_password(SERVICE, key))

    def set(self, key: str, secret: str) -> bool:
        """Keep a secret, and look whether it is there."""

        def keep() -> bool:
            self._backend.set_password(SERVICE, key, secret)
            return self._backend.get_password(SERVICE, key) == secret

        return self._ask(keep) is True

    def delete(self, key: str) -> None:
        """Forget a secret; one that is not there is no fault."""
        self._ask(lambda: self._backend.delete_password(SERVICE, key))

    def _ask(self, question: Callable[[], T]) -> T | None:
        """What the keyring answers in time, else None."""
        if self._useless:
            return None
        answers: list[T] = []

        def ask() -> None:
            try:
                answers.append(question())
            except Exception as error:  # each backend has errors of its own, whose words may quote a secret
                log.info("the keyring refused: %s", type(error).__qualname__)

        thread = threading.Thread(target=ask, name="keyring", daemon=True)
        thread.start()
        thread.join(self._patience)
        if thread.is_alive():
            log.warning("the keyring does not answer")
            self._useless = True
        return answers[0] if answers else None


def system_vault() -> Vault | None:
    """The keyring of this system, None where there is none that keeps anything."""
    found: list[Backend] = []

    def look() -> None:
        try:
            import keyring  # noqa: PLC0415 - it looks for backends, which takes a moment

            found.append(keyring.get_keyring())
        except Exception as error:
            log.info("no keyring: %s", type(error).__qualname__)

    thread = threading.Thread(target=look, name="keyring", daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return KeyringVault(found[0]) if found and is_real(found[0]) else None


def is_real(backend: object) -> bool:
    """Whether a backend keeps what it is given; a chain is as good as the best of its links."""
    if type(backend).__module__.startswith(_NONE):
        return False
    links = getattr(backend, "backends", None)
    return links is None or any(is_real(link) for link in links)
