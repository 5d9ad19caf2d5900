"""What a page and its server tell each other: whether the server has answered what the page has asked for."""

from __future__ import annotations

from weakref import WeakKeyDictionary, WeakSet

from playwright.sync_api import BrowserContext, Page, WebSocket
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg


class Traffic:
    """The runs of the script that a page has asked for, without those by which a fragment updates itself."""

    def __init__(self) -> None:
        self.is_awaited = self.is_begun = self.is_of_page = False

    def sent(self, frame: str | bytes) -> None:
        message = BackMsg.FromString(frame) if isinstance(frame, bytes) else BackMsg()
        if message.HasField("rerun_script") and not message.rerun_script.is_auto_rerun:
            self.is_of_page = (self.is_awaited and self.is_of_page) or not message.rerun_script.fragment_id
            self.is_awaited, self.is_begun = True, False

    def received(self, frame: str | bytes) -> None:
        message = ForwardMsg.FromString(frame) if isinstance(frame, bytes) else ForwardMsg()
        self.is_begun = self.is_begun or message.HasField("new_session")
        if not self.is_begun or not message.HasField("script_finished"):
            return
        whole = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_WITH_COMPILE_ERROR)
        part = ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY
        if message.script_finished in whole or (message.script_finished == part and not self.is_of_page):
            self.is_awaited = False


_contexts: WeakSet[BrowserContext] = WeakSet()
_traffic: WeakKeyDictionary[Page, Traffic] = WeakKeyDictionary()


def follow(context: BrowserContext) -> None:
    """Notes the traffic of all pages that this context opens from now on."""
    if context not in _contexts:
        _contexts.add(context)
        context.on("page", lambda page: page.on("websocket", lambda socket: _listen(page, socket)))


def _listen(page: Page, socket: WebSocket) -> None:
    if socket.url.endswith("/_stcore/stream"):
        traffic = _traffic[page] = Traffic()
        socket.on("framesent", traffic.sent)
        socket.on("framereceived", traffic.received)


def awaits_run(page: Page) -> bool:
    """Returns whether the page has asked for a run of the script that has not ended."""
    return page in _traffic and _traffic[page].is_awaited
