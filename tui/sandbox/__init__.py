"""The helper process in which untrusted patterns and chat templates run, with deadlines and a memory limit."""

from tui.sandbox.host import Renderer, Sandbox
from tui.sandbox.refusal import Refusal, RefusalKind

__all__ = ["Refusal", "RefusalKind", "Renderer", "Sandbox"]
