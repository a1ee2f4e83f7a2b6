"""A link with fixed answers that records what it is asked."""

from __future__ import annotations

from fsfax.errors import CommandFailed


class RecordedLink:
    """Answers each command with the text given for it, or as FreeSWITCH does with ``-ERR``."""

    def __init__(self, **answers: str) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def api(self, command: str, arg: str = "") -> str:
        self.asked.append(f"{command} {arg}")
        answer = self.answers.get(command, "-ERR no reply")
        if answer.startswith("-ERR"):
            raise CommandFailed("refused", reply=answer.removeprefix("-ERR "))
        return answer
