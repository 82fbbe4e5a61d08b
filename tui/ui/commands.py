"""Slash commands: names in both languages, what they take, and how a line typed in any layout finds its command.

Nothing here touches a screen; `tui.ui.deeds` holds what the commands do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from textual.app import App

from tui.domain.errors import BadInput
from tui.domain.notice import notice
from tui.domain.samplers import SAMPLER_NAMES
from tui.i18n import LANGUAGES, language, mark, tr
from tui.ui.layouts import readings, to_latin


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `takes` shows its arguments (square brackets: may be left out); `help` is an English sentence
    for the catalogue; `values` completes the first argument; `sharp` commands are never guessed from a misspelling."""

    name: str
    aliases: tuple[str, ...]
    help: str
    takes: str = ""
    values: tuple[str, ...] = ()
    sharp: bool = False


@dataclass(frozen=True, slots=True)
class Completion:
    """One way on: the whole line as it would then stand, what the list shows, and the sentence beside it."""

    insert: str
    label: str
    help: str


COMMANDS: tuple[Command, ...] = (
    Command("help", ("помощь", "справка"), mark("Keys and commands.")),
    Command("new", ("новый", "новая"), mark("A new chat; with a name, with that character."), "[CHARACTER]"),
    Command("chats", ("чаты",), mark("Chats and characters.")),
    Command("characters", ("персонажи",), mark("Choose a character for a new chat.")),
    Command("favourite", ("favorite", "избранное"),
            mark("Let this chat's character stand first in lists, or no more.")),
    Command("rename", ("переименовать", "название"), mark("Give this chat another name."), "[NAME]"),
    Command("search", ("поиск", "найти"), mark(
        "Search all chats: words, “phrases”, with:mira by:me after:2026-05 chat:this is:deleted."), "TEXT"),
    Command("regenerate", ("regen", "retry", "заново", "перегенерировать"),
            mark("Another reply to the same message; with a number, at that one.")),
    Command("swipes", ("версии", "свайпы"), mark("So many more replies, written while I read on; default 3."), "[N]"),
    Command("trim", ("обрезать",), mark("Take away a last sentence that was only begun.")),
    Command("unloop", ("петля", "расцикли"),
            mark("Cut the reply back to before its loop, and write on with stronger DRY and XTC.")),
    Command("ban", ("запрет", "запретить"),
            mark("Phrases that the model must not use; with one, forbid it."), "[PHRASE]"),
    Command("unban", ("разрешить",), mark("Allow a forbidden phrase again, or all of them."), "[PHRASE]"),
    Command("continue", ("дальше", "продолжить"), mark("Let the last reply go on, or message N.")),
    Command("swipe", ("версия", "свайп"), mark("Another version of the last reply: the next, or number N."), "[N]"),
    Command("stop", ("стоп", "хватит"), mark("Stop what is being generated.")),
    Command("edit", ("правка", "изменить"), mark("Edit my last message, or message N.")),
    Command("message", ("сообщение",), mark("All that can be done with the last message, or with message N.")),
    Command("older", ("раньше", "прежнее"), mark("The text that the last message, or message N, had before an edit.")),
    Command("newer", ("позже",), mark("The text after that one.")),
    Command("fork", ("иначе", "развилка"),
            mark("Say the last message otherwise, or message N, in a branch of its own.")),
    Command("move", ("сдвинуть", "передвинуть"), mark("Move a message: up, down 3; a number before it says which."),
            "[N] UP|DOWN", ("up", "down")),
    Command("parent", ("назад", "исток"), mark("Back to the branch that this one was branched off from.")),
    Command("delete", ("удалить",), mark("Delete the last message, the last N, or a range: 40-60, #12."),
            "[N..M]", sharp=True),
    Command("undo", ("отменить", "отмена"), mark("Take back the last change of this chat."), sharp=True),
    Command("redo", ("вернуть", "повторить"), mark("Do again what was taken back."), sharp=True),
    Command("map", ("карта", "ветки"), mark("The map of the branches.")),
    Command("checkpoint", ("отметка",),
            mark("Name the chosen or last message, to come back to it; no name: none."), "[NAME]"),
    Command("checkpoints", ("отметки",), mark("Chapters and checkpoints of this chat.")),
    Command("rewrite", ("переписать",), mark("Write the last reply anew from these words of it on."), "WORDS"),
    Command("branch", ("ветка",), mark("Go on from here, or from message N, in a branch of its own.")),
    Command("hide", ("скрыть",), mark("Keep messages out of the prompt; they stay on the screen."), "[N..M]"),
    Command("unhide", ("показать",), mark("Let hidden messages count again."), "[N..M]"),
    Command("tokens", ("токены",), mark("What else might have been said in the last reply, token by token.")),
    Command("cast", ("группа", "состав"), mark("Who plays in this chat, who speaks next, and how they take turns.")),
    Command("group", ("собрать",), mark("A new group chat; with names, of those."), "[NAME, NAME…]"),
    Command("join", ("позвать",), mark("Let a character join this chat."), "[NAME]"),
    Command("leave", ("отпустить",), mark("Let a member leave this group."), "NAME"),
    Command("speak", ("слово",), mark("Let a member of the group speak, or whoever is next."), "[NAME]"),
    Command("mute", ("молчать",), mark("Let a member answer no more."), "NAME"),
    Command("unmute", ("отвечать",), mark("Let a member answer again."), "NAME"),
    Command("auto", ("авто", "сами"), mark("Let the group talk by itself: on, off, or the seconds between rounds."),
            "[on|off|SECONDS]", ("on", "off")),
    Command("whisper", ("шепнуть", "шёпот"), mark("Say something that one member of the group alone hears."),
            "NAME TEXT"),
    Command("reveal", ("раскрыть",), mark("Let all know of what was whispered.")),
    Command("copy", ("копировать", "скопировать"), mark("Copy the last message.")),
    Command("impersonate", ("imp", "вместо", "за-меня"),
            mark("Let the model write my next message into the line; with words, what it shall be about."), "[ABOUT]"),
    Command("suggest", ("подскажи", "подсказка"), mark("A few things that I could say next.")),
    Command("languages", ("языки",),
            mark("Two languages: mine and the model's (/languages Russian English); show mine|model|both; off."),
            "[MINE MODEL]"),
    Command("translate", ("перевод", "перевести"),
            mark("Translate the chosen or last message into the other language.")),
    Command("persona", ("персона",), mark("Who you are in the story; with a name, be that one in this chat."),
            "[NAME] [--chat|--character|--default]"),
    Command("personas", ("персоны",), mark("All your personas, and where each holds.")),
    Command("qr", ("кнопки", "быстро"), mark("Quick replies; with a name, that one."), "[NAME]"),
    Command("script", ("скрипт",), mark("Run a script as quick replies have them."), "SCRIPT"),
    Command("narrate", ("sys", "nar", "рассказчик"), mark("Let the narrator say something; the model reads it."),
            "TEXT"),
    Command("comment", ("комментарий",), mark("A comment on the story, which no model ever reads."), "TEXT"),
    Command("sendas", ("от-лица",), mark("Say something in a character's name."), "NAME TEXT"),
    Command("send", ("сказать",), mark("Say something, and ask for no reply."), "TEXT"),
    Command("trigger", ("ответь",), mark("Let the model answer now, whoever spoke last."), "[NAME]"),
    Command("roll", ("бросок", "кубик"), mark("Throw dice as in 2d6+1, into the story or for yourself."),
            "DICE [private]"),
    Command("note", ("заметка",), mark("The author's note; with a text, set it at once."), "[TEXT]"),
    Command("summarise", ("summarize", "пересказ", "сводка"), mark("Have older messages summarised, or a chapter."),
            "[N..M|chapter N]"),
    Command("memory", ("память",), mark("Summaries, pinned facts, chapters, documents, and what is recalled.")),
    Command("fold", ("свернуть",), mark("Have all summaries summed up in one.")),
    Command("pin", ("закрепить", "факт"), mark("Pin a fact, or the last message: it stands in every prompt."),
            "[TEXT]"),
    Command("chapter", ("глава",), mark("Let a chapter begin with the last message."), "[TITLE]"),
    Command("recall", ("вспомнить", "припомнить"),
            mark("Bring back what left the prompt: on, off, or what a text would bring back."), "[on|off|TEXT]",
            ("on", "off")),
    Command("document", ("документ",), mark("Add a text file that the story may read from."), "[PATH]"),
    Command("carry", ("перенести",),
            mark("Go on in a new chat that begins from this one's summaries and pinned facts."), "[TITLE]"),
    Command("lore", ("лор",), mark("Lorebooks, and what fired.")),
    Command("regex", ("регекс", "регулярки"), mark("Regex scripts; with a text, what they make of it."), "[TEXT]"),
    Command("trace", ("след", "сработало"), mark("Which lore fires for the next turn, and why the rest does not.")),
    Command("scenario", ("сценарий",), mark("The scenario of this chat; with a text, set it at once."), "[TEXT]"),
    Command("prompt", ("промпт",), mark("What the next turn sends, segment by segment.")),
    Command("diff", ("отличия", "разница"), mark("What changed in the prompt since the last one, and why.")),
    Command("macros", ("макросы",), mark("Macros that keep their value, and variables.")),
    Command("instructions", ("инструкции",), mark("Choose the prompt preset of this chat; with a name, at once."),
            "[NAME]"),
    Command("context", ("контекст",), mark("The next prompt in numbers.")),
    Command("profile", ("профиль",), mark("Choose a profile; with a name, at once."),
            "[NAME] [--character|--chat|--summaries]"),
    Command("template", ("шаблон", "формат"), mark("Choose the prompt format; with a name, at once."), "[NAME]"),
    Command("samplers", ("сэмплеры",), mark("Choose sampler values; with a preset's name, at once."), "[NAME]"),
    Command("set", ("задать",), mark("Set one sampler value of this chat."), "NAME VALUE", SAMPLER_NAMES),
    Command("model", ("модель",),
            mark("Connection and model; with a path, use that GGUF file; with a name, that model of the server."),
            "[PATH|NAME]"),
    Command("pull", ("скачать",), mark("Download a model from the Hugging Face hub: maker/repository:quantisation."),
            "[REPO[:QUANT]]"),
    Command("connect", ("подключить", "сервер"), mark("Connect to a server."), "[URL]"),
    Command("load", ("загрузить",), mark("Load the model now.")),
    Command("unload", ("выгрузить",), mark("Take the model out of memory.")),
    Command("import", ("импорт",), mark("Import cards, lorebooks or presets from a file or a folder."), "PATH"),
    Command(
        "export", ("экспорт",),
        mark("Write this chat (.jsonl, .txt, .md, .html, .epub; with all branches) or its card (.png, .json)."),
        "[branches] [PATH]"
    ),
    Command("image", ("картинка", "изображение"),
            mark("Attach a picture: of a file, or of the clipboard; open or save the chat's last one."),
            "[PATH|open|save|remove]", ("open", "save", "remove")),
    Command("backup", ("копия", "бэкап"), mark("Back up all chats and files, and say how to bring them back.")),
    Command("settings", ("настройки",), mark("Language, colours, mouse, scrolling.")),
    Command("doctor", ("доктор", "диагностика"),
            mark("What is wrong with this terminal and installation, and what to do.")),
    Command("language", ("язык",), mark("English or Russian."), "[en|ru]", LANGUAGES),
    Command("theme", ("тема",), mark("Choose the colours."), "[NAME]"),
    Command("mouse", ("мышь",), mark("Switch the mouse on or off."), "[on|off]", ("on", "off")),
    Command("quit", ("exit", "выход"), mark("Leave; a reply being written goes on."), sharp=True),
)
_BY_NAME = {name: command for command in COMMANDS for name in (command.name, *command.aliases)}
#: Shorter words than this are not guessed at: too many commands are near them.
_SHORTEST_GUESS = 4


def is_command(text: str) -> bool:
    """Whether a line is for the program: it begins with `/` (and not `//`), or with the full stop that the same key
    gives in the Russian layout, followed by a word that is a command in one of the layouts."""
    if text.startswith("/"):
        return not text.startswith("//")
    if not text.startswith("."):
        return False
    word = text[1:].split(maxsplit=1)[0] if text[1:2].isalpha() else ""
    return len(word) >= 3 and not word.isascii() and bool(resolve(word))


def parse(line: str) -> tuple[Command, str]:
    """The command of a line and the rest of it. Raises BadInput that names the nearest commands."""
    word, _, rest = line.strip().removeprefix("/").removeprefix(".").partition(" ")
    found = resolve(word)
    if len(found) == 1:
        return found[0], rest.strip()
    if not found:
        found = nearest(word)
    if not found:
        raise BadInput(notice("There is no command {name}.", name=f"/{word[:40]}"), "Type / to see them all.")
    names = ", ".join(f"/{command.name}" for command in found[:4])
    raise BadInput(notice("There is no command {name}; the nearest are {names}.", name=f"/{word[:40]}", names=names))


def resolve(word: str) -> list[Command]:
    """The command that a word stands for, in any layout: its name, a beginning that only it has, or its name with
    one slip of the finger. Several when a beginning fits several; empty when nothing fits."""
    if not word:
        return []
    for reading in readings(word):
        if reading in _BY_NAME:
            return [_BY_NAME[reading]]
    for reading in readings(word):
        if found := _beginning_with(reading):
            return found
    if len(word) < _SHORTEST_GUESS:
        return []
    guesses = [
        c
        for c in COMMANDS
        if not c.sharp and any(_one_slip(r, n) for r in readings(word) for n in (c.name, *c.aliases))
    ]
    return guesses if len(guesses) == 1 else []


def nearest(word: str) -> list[Command]:
    """Commands whose name is like a word that is none."""
    from difflib import get_close_matches

    close = [name for reading in readings(word) for name in get_close_matches(reading, _BY_NAME, n=3, cutoff=0.6)]
    return list(dict.fromkeys(_BY_NAME[name] for name in close))


def complete(text: str) -> list[Completion]:
    """What a line that is being typed could become: commands, then values of the first argument."""
    if not text.startswith(("/", ".")):
        return []
    word, gap, rest = text[1:].partition(" ")
    if not gap:
        return [_whole(command, name) for command, name in _candidates(word, dotted=text.startswith("."))]
    found = resolve(word)
    if len(found) != 1 or " " in rest:
        return []
    return [
        Completion(f"/{found[0].name} {value}" + (" " if found[0].name == "set" else ""), value, "")
        for value in found[0].values
        if any(value.startswith(reading) for reading in readings(rest)) and value != rest
    ]


def _candidates(word: str, *, dotted: bool) -> list[tuple[Command, str]]:
    """Commands that a word could become, each by the name that it is the beginning of."""
    if dotted and (not word or word.isascii()):
        return []  # an ellipsis, not a slash in another layout
    if not word:
        return [(command, name_of(command)) for command in COMMANDS]
    found: dict[Command, str] = {}
    for reading in readings(word):
        for command in _beginning_with(reading):
            name = next(n for n in (command.name, *command.aliases) if n.startswith(reading))
            found.setdefault(command, name if not name.isascii() else command.name)
    return list(found.items()) or [(command, name_of(command)) for command in resolve(word)]


def _beginning_with(reading: str) -> list[Command]:
    return [c for c in COMMANDS if any(name.startswith(reading) for name in (c.name, *c.aliases))]


def _whole(command: Command, name: str) -> Completion:
    gap = " " if command.takes else ""
    return Completion(f"/{name}{gap}", f"/{name} {tr(command.takes)}".rstrip(), tr(command.help))


def name_of(command: Command) -> str:
    """The name in the language in use."""
    russian = (alias for alias in command.aliases if not alias.isascii())
    return next(russian, command.name) if language() == "ru" else command.name


def label_of(command: Command) -> str:
    """`/set NAME VALUE`, in the language in use."""
    return f"/{name_of(command)} {tr(command.takes)}".rstrip()


def _one_slip(typed: str, name: str) -> bool:
    """Whether `typed` is the beginning of `name` (at least four letters of it) with one letter wrong, missing, extra
    or two neighbours swapped."""
    beginnings = {name[:n] for n in range(max(_SHORTEST_GUESS, len(typed) - 1), len(typed) + 2) if n <= len(name)}
    return any(_distance_is_one(typed, beginning) for beginning in beginnings)


def _distance_is_one(a: str, b: str) -> bool:
    if len(a) > len(b):
        a, b = b, a
    if len(b) - len(a) > 1:
        return False
    at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), len(a))
    if len(a) < len(b):
        return a[at:] == b[at + 1 :]
    return a[at + 1 :] == b[at + 1 :] or (a[at + 2 :] == b[at + 2 :] and a[at : at + 2] == b[at : at + 2][::-1])


async def run_line(app: App[Any], line: str) -> None:
    """Do what a line asks for. Raises TraktirError with a sentence."""
    from tui.ui.deeds import DEEDS

    command, rest = parse(line)
    await DEEDS[command.name](app, rest)


def latin_word(text: str) -> str:
    """A short answer (`on`, `выкл`, `щт`) as Latin letters, for arguments typed in the wrong layout."""
    return to_latin(text.strip().casefold())


def described(commands: Sequence[Command] = COMMANDS) -> list[tuple[str, str]]:
    """Pairs of label and translated help, for the help screen."""
    return [(label_of(command), tr(command.help)) for command in commands]
