"""What can be done with the chat in front. Keys, palette and slash commands all end here; all speak to the core."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tui.domain.chat import Node
from tui.domain.cleantext import clean, clean_line
from tui.domain.errors import Refused
from tui.domain.notice import Notice, notice
from tui.i18n import mark, tr, tr_notice
from tui.ui.state import ChatState
from tui.wire.ids import new_id

if TYPE_CHECKING:
    from tui.client.pictures import Attached
    from tui.ui.app import TraktirApp

#: What `do('…')` may run: names of methods without arguments.
SIMPLE = frozenset({
    "stop", "regenerate", "more_swipes", "unloop", "swipe_back", "swipe_on", "version_back", "version_on", "edit",
    "edit_last", "continue_reply", "go_on", "speak", "reveal",
    "undo", "redo", "branch", "text_back", "text_on", "copy", "copy_last", "delete_chosen",
    "hide_chosen", "explain", "edit_branch", "name_place", "move_up", "move_down", "parent", "tokens", "pin",
})
#: Messages that a chat is opened with; the others are fetched when these are on view.
FIRST_LOOK = 100


@dataclass(frozen=True, slots=True)
class Saying:
    """What is said in a chat, and the ids of all that comes of it: said again as it is, it is the same turn."""

    chat: str
    parent: str | None
    text: str
    images: tuple[Attached, ...] = ()
    node: str = field(default_factory=new_id)
    revision: str = field(default_factory=new_id)
    reply: str = field(default_factory=new_id)
    reply_revision: str = field(default_factory=new_id)


class Actions:
    """Every method raises TraktirError with a sentence when it cannot be done."""

    def __init__(self, app: TraktirApp) -> None:
        self._app = app

    # ------------------------------------------------------------------ chats

    async def open_chat(self, chat_id: str, head: str | None = None) -> None:
        """Bring a chat into view; with `head`, the path to that message, which is then chosen."""
        await self._app.flush_draft()
        opened = await self._app.fetching.chat(chat_id, last=FIRST_LOOK if head is None else 0)
        self._app.show_chat(opened.snapshot, at=head, opened=opened)

    async def new_chat(self, character: str) -> None:
        """Begin a chat with a character."""
        await self._app.flush_draft()
        self._app.show_chat(await self._call("chats.create", id=new_id(), character=character))

    async def new_chat_same(self) -> None:
        """Begin again with the character of the chat in front."""
        character = self._state.field("character")
        if not character:
            raise Refused("No chat is open.", "Press F2 to choose a character.")
        await self.new_chat(str(character))

    async def rename(self, title: str) -> None:
        await self._call("chats.set", id=self._chat, field="title", value=title)

    # ------------------------------------------------------------------ turns

    def saying(self, text: str, images: tuple[Attached, ...] = ()) -> Saying:
        """What `text`, with pictures, is when it is said under the message at the end of the view."""
        return Saying(self._chat, self._state.head, text, images)

    async def say(self, saying: Saying) -> None:
        """Say something; a reply is on its way when this returns."""
        self._state.expected |= {saying.node, saying.reply}
        await self._call(
            "turn.say", chat=saying.chat, node=saying.node, parent=saying.parent, revision=saying.revision,
            text=saying.text, reply=saying.reply, reply_revision=saying.reply_revision,
            **({"images": [image.to_json() for image in saying.images]} if saying.images else {}),
        )

    async def regenerate(self) -> None:
        """Another reply beside the chosen or the last one; after words of the person, the first. While a reply is being
        edited, anew from the cursor on."""
        if self._app.chat.editing.node is not None:
            self._app.chat.editing.rewrite()
            return
        target = self._target()
        if self._state.writing:
            await self._call("turn.stop", chat=self._chat)
        await self._reply_to(target.parent if target.role == "assistant" else target.id)

    def target_id(self) -> str:
        """The message that is meant: the chosen or the last one. Raises Refused."""
        return self._target().id

    async def unloop(self) -> None:
        """Cut the chosen or last reply back to before it goes round in circles, and have it written on from there."""
        target = self._target()
        if target.role != "assistant":
            raise Refused("This is no reply of the model.", "Choose one that is.")
        reply = new_id()
        self._state.expected.add(reply)
        await self._call("turn.unloop", chat=self._chat, node=target.id, reply=reply, reply_revision=new_id())

    async def swipes(self, count: int) -> None:
        """Have `count` more versions of the chosen or last reply written in the background."""
        target = self._target()
        parent = target.parent if target.role == "assistant" else target.id
        replies = [{"reply": new_id(), "reply_revision": new_id()} for _ in range(count)]
        await self._call("turn.swipes", chat=self._chat, parent=parent, replies=replies)
        self._app.say_notice(notice("More versions are being written; read on. Alt+→ walks through them, Esc stops."))

    async def more_swipes(self) -> None:
        """Three more versions in the background."""
        await self.swipes(3)

    async def stop(self) -> None:
        if not (await self._call("turn.stop", chat=self._chat))["stopped"]:
            self._app.say_notice(notice("Nothing is being written."))

    async def continue_reply(self) -> None:
        """Go on with the chosen or last reply; when the person spoke last, ask for the reply."""
        if not self._state.path:
            raise Refused("There is nothing to continue yet.", "Write something and press Enter.")
        if self._state.writing:
            raise Refused("A reply is being written already.", "Esc stops it.")
        target = self._target()
        if target.role != "assistant":
            await self._reply_to(target.id)
            return
        await self._call("turn.continue", chat=self._chat, node=target.id, revision=new_id())

    async def go_on(self) -> None:
        """What Enter does with nothing written: the reply goes on; in a group, somebody speaks."""
        if self._state.field("cast"):
            await self.speak()
        else:
            await self.continue_reply()

    async def speak(self, speaker: str = "") -> None:
        """Let a member of the group speak; "" is whoever would be next."""
        from tui.ui import casting

        await casting.speak(self._app, speaker)

    async def whisper(self, text: str, to: list[str]) -> None:
        """Say something to some members alone."""
        from tui.ui import casting

        await casting.whisper(self._app, text, to)

    async def reveal(self) -> None:
        """Let all know of what was whispered."""
        from tui.ui import casting

        await casting.reveal(self._app)

    async def _reply_to(self, parent: str | None) -> None:
        reply = new_id()
        self._state.expected.add(reply)
        await self._call("turn.reply", chat=self._chat, parent=parent, reply=reply, reply_revision=new_id())

    # ------------------------------------------------------------------ versions

    async def swipe(self, step: int) -> None:
        """The version before or after of the chosen or last message; beyond the last reply, a new one."""
        await self._version(self._target(), step, may_ask=True)

    async def swipe_back(self) -> None:
        await self.swipe(-1)

    async def swipe_on(self) -> None:
        await self.swipe(1)

    async def version_back(self) -> None:
        await self._version(self._target(), -1)

    async def version_on(self) -> None:
        await self._version(self._target(), 1)

    async def version_of(self, index: int, step: int) -> None:
        """As `version_on`, for message `index` of the view."""
        await self._version(self._state.path[index], step)

    async def show_version(self, number: int) -> None:
        """Version `number`, counted from 1, of the chosen or the last message."""
        versions = self._state.versions(self._target())
        if not 1 <= number <= len(versions):
            raise Refused(notice("There are {n} versions of this message.", n=len(versions)))
        await self._go(versions[number - 1])

    async def _version(self, node: Node, step: int, *, may_ask: bool = False) -> None:
        versions = self._state.versions(node)
        place = next((k for k, n in enumerate(versions) if n.id == node.id), 0) + step
        if 0 <= place < len(versions):
            await self._go(versions[place])
        elif step > 0 and may_ask and node.role == "assistant" and not self._state.writing:
            await self._reply_to(node.parent)
        elif step > 0 and node.role == "assistant":
            self._app.say_notice(notice("This is the newest version. r asks for another."))
        else:
            self._app.say_notice(notice("There is no other version in that direction."))

    async def _go(self, node: Node) -> None:
        assert self._state.chat is not None
        head = self._state.chat.leaf_below(node.id)
        self._app.show_head(head, node.id)
        await self._call("chats.head", id=self._chat, head=head)

    # ------------------------------------------------------------------ changing what was written

    async def edit(self) -> None:
        """Open the chosen (else the last) message in the composer; Enter keeps the new text."""
        self._app.begin_edit(self._target())

    async def edit_last(self) -> None:
        """Open the person's own last message in the composer."""
        node = self._state.last("user")
        if node is None:
            raise Refused("You have said nothing in this chat yet.")
        self._app.begin_edit(node)

    async def edit_branch(self) -> None:
        """Open the chosen (else the last) message in the composer, to say it otherwise in a branch."""
        self._app.begin_edit(self._target(), branch=True)

    async def branch_edit(self, node: str, text: str) -> None:
        """Say a message otherwise beside it; after words of the person, the reply is asked for."""
        new = new_id()
        chat = self._state.chat
        mine = chat is not None and node in chat.nodes and chat.nodes[node].role == "user"
        self._state.expected.add(new)
        await self._call("node.branch", chat=self._chat, node=node, id=new, revision=new_id(), text=text)
        if mine:
            await self._reply_to(new)

    async def rewrite(self, node: str, at: int, text: str | None = None) -> None:
        """Have a reply written anew from a place in it on; it begins as in `text`, where that is given."""
        reply = new_id()
        self._state.expected.add(reply)
        begun = {} if text is None else {"text": text}
        await self._call(
            "turn.rewrite", chat=self._chat, node=node, at=at, reply=reply, reply_revision=new_id(), **begun,
        )

    async def move_up(self) -> None:
        """Move the chosen message a place up; the order before stays as another branch."""
        await self.move(-1)

    async def move_down(self) -> None:
        await self.move(1)

    async def move(self, by: int) -> None:
        """Move the chosen (else the last) message `by` places."""
        moved = await self._call(
            "node.move", chat=self._chat, node=self._target().id, by=by, id=new_id(), head=self._state.head,
        )
        await self.open_chat(self._chat, moved["head"])
        self._app.show_head(moved["head"], moved["node"])

    async def parent(self) -> None:
        """Back to the branch that the one on view was branched off from."""
        from tui.ui.deeds_tree import parent

        await parent(self._app, "")

    async def name_place(self) -> None:
        """Ask for the name by which one comes back to the chosen or last message; an empty one takes it away."""
        from tui.ui.screens.confirm import ask_line

        node = self._target()
        before = str(node.extra.get("checkpoint") or "")
        detail = tr("F6 and /checkpoints lead back here.")
        name = await ask_line(self._app, tr("The name of this place"), before, detail)
        if name is not None and name.strip() != before:
            await self.checkpoint(name.strip())

    async def checkpoint(self, name: str) -> None:
        """Give the chosen or last message a name to come back to; none takes it away."""
        await self._call("node.checkpoint", chat=self._chat, node=self._target().id, name=name or None)
        self._app.say_notice(
            notice("“{name}” is a place to come back to: /checkpoints.", name=name) if name
            else notice("This message is no checkpoint any more.")
        )

    async def save_edit(self, node: str, text: str) -> None:
        await self._call("node.edit", chat=self._chat, node=node, revision=new_id(), text=text)

    async def text_back(self) -> None:
        """The text that the chosen (else the last) message had before it was changed."""
        await self._text(-1)

    async def text_on(self) -> None:
        """The text that came after the one on view."""
        await self._text(1)

    async def _text(self, step: int) -> None:
        node = self._target()
        texts = [revision.id for revision in node.revisions]
        place = texts.index(node.current) + step
        if len(texts) < 2:
            self._app.say_notice(notice("This message was never changed: it has one text."))
        elif place < 0:
            self._app.say_notice(notice("This is the first text of this message."))
        elif place == len(texts):
            self._app.say_notice(notice("This is the newest text of this message."))
        else:
            await self._call("node.current", chat=self._chat, node=node.id, revision=texts[place])

    async def branch(self) -> None:
        """Let the chosen message be the end of the view: what is said next begins another branch."""
        node = self._target()
        self._app.show_head(node.id, node.id)
        await self._call("chats.head", id=self._chat, head=node.id)
        self._app.compose_line()
        self._app.say_notice(notice("What you say now begins a new branch here. The old one stays."))

    async def delete(self, count: int) -> None:
        """Delete the last `count` messages of the view, after asking."""
        await self._delete(list(self._state.path)[-max(1, count):])

    async def delete_chosen(self) -> None:
        await self._delete([self._target()])

    async def _delete(self, nodes: list[Node]) -> None:
        from tui.ui.screens.confirm import confirm

        if not nodes:
            raise Refused("There is no message to delete.")
        last = clean_line(nodes[-1].text, 60)
        if len(nodes) == 1:
            question = tr("Delete this message of {name}?", name=clean_line(nodes[0].name, 40))
        else:
            question = tr("Delete the last {n} messages?", n=len(nodes))
        detail = tr("“{last}” · Undo brings it back.", last=last)
        if await confirm(self._app, question, detail, tr("Delete")):
            found = await self._call("node.delete", chat=self._chat, nodes=[n.id for n in nodes])
            self._app.after_delete(found["head"])

    async def hide(self, value: bool) -> None:
        """Keep the chosen message from the model, or give it back."""
        await self._call("node.hide", chat=self._chat, nodes=[self._target().id], value=value)

    async def hide_chosen(self) -> None:
        node = self._target()
        await self.hide(not node.hidden)
        told = notice("The model will not see this message. x shows it again.")
        self._app.say_notice(told if not node.hidden else notice("The model sees this message again."))

    async def undo(self) -> None:
        await self._back_and_forth("chats.undo", mark("Undone: {what}."))

    async def redo(self) -> None:
        await self._back_and_forth("chats.redo", mark("Done again: {what}."))

    async def _back_and_forth(self, method: str, words: str) -> None:
        found = await self._call(method, id=self._chat)
        self._app.after_undo(found.get("head"))
        self._app.say_notice(Notice(words, {"what": tr_notice(Notice.from_json(found["label"]))}))

    # ------------------------------------------------------------------ the rest

    async def copy(self) -> None:
        """Put the chosen (else the last) message on the clipboard."""
        await self._app.copy_text(self._target().text)

    async def copy_last(self) -> None:
        await self._app.copy_text(self._last().text)

    async def explain(self) -> None:
        """What was sent for the chosen reply, and why."""
        node = self._target()
        if node.role != "assistant":
            raise Refused("Only replies have been made from a prompt.", "Choose one with ↑ and ↓.")
        self._app.open_screen("inspector", node=node.id)

    async def pin(self) -> None:
        """Pin what the chosen (else the last) message says, shortened by the person."""
        from tui.ui.remembering import pin_text

        node = self._target()
        if await pin_text(self._app, clean(node.text, 500), node.id):
            self._app.say_notice(notice("Pinned: it stands in every prompt from now on. /memory lists what is pinned."))

    async def tokens(self) -> None:
        """What else might have been said in the chosen (else the last) reply."""
        node = self._app.chosen() or self._state.last("assistant") or self._last()
        if node.role != "assistant":
            raise Refused("Only replies are made of tokens that had rivals.", "Choose one with ↑ and ↓.")
        self._app.open_screen("tokens", node=node.id, revision=node.current)

    async def take_rival(self, node: str, revision: str, token: int, rival: int) -> None:
        """Go on from another token than came, in a version beside the reply."""
        reply = new_id()
        self._state.expected.add(reply)
        await self._call(
            "turn.rival", chat=self._chat, node=node, revision=revision, token=token, rival=rival, reply=reply,
            reply_revision=new_id(),
        )

    async def use_profile(self, profile: str) -> None:
        """Use a profile for the chat in front."""
        await self._call("chats.set", id=self._chat, field="profile", value=profile)

    async def set_sampler(self, name: str, value: Any) -> None:
        """Set a sampler for this chat; None takes the preset's value again."""
        await self._call("samplers.set", chat=self._chat, values={name: value})

    async def note(self, text: str) -> None:
        """Set the author's note of this chat."""
        await self._call("chats.set", id=self._chat, field="note", value=text or None)

    async def summarise(self, first: str, last: str) -> None:
        """Sum up the messages from `first` to `last` into memory."""
        await self._call("summary.make", chat=self._chat, id=new_id(), first=first, last=last)

    @property
    def _state(self) -> ChatState:
        return self._app.state

    @property
    def _chat(self) -> str:
        if self._state.chat is None:
            raise Refused("No chat is open.", "Press F2 to open one.")
        return self._state.chat.id

    def _last(self) -> Node:
        node = self._state.last()
        if node is None:
            raise Refused("There is no message here yet.", "Write something and press Enter.")
        return node

    def _target(self) -> Node:
        return self._app.chosen() or self._last()

    async def _call(self, method: str, /, **params: Any) -> Any:
        return await self._app.link.call(method, **params)
