"""A notebook open in JupyterLab: press keys, read numbers, and notice what must not happen."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lab import HOST, Lab

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Locator, Page

# What the console may say although nothing is wrong. Whole messages, each with its reason.
ALLOWED_CONSOLE_ERRORS: dict[str, str] = {}
# Opening a page, JupyterLab asks the kernel for widgets before any cell has imported ipywidgets, and the
# kernel says on stderr that it has none; the reader never sees it.
ALLOWED_KERNEL_WORDS = re.compile(
    r"No such comm target registered: jupyter\.widget\.control\n|No such comm: [0-9a-f-]{36}\n"
)
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
IDLE = """() => {
    const panel = window.jupyterapp?.shell.currentWidget;
    const context = panel?.sessionContext;
    return Boolean(panel?.content?.model?.cells.length && context?.isReady
        && context.session?.kernel?.status === 'idle');
}"""
ASK = """async expression => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const future = kernel.requestExecute({ code: 'pass', silent: true,
        user_expressions: { answer: `__import__('json').dumps(${expression})` } });
    const answer = (await future.done).content.user_expressions?.answer;
    if (answer?.status !== 'ok') return { problem: `${answer?.ename}: ${answer?.evalue}` };
    return { text: answer.data['text/plain'] };
}"""
# Errors raised in a widget's callback belong to no cell, so they are taken from the kernel's messages.
# A request is pending until the kernel says "idle" about it, which it does behind all that it caused.
WATCH_KERNEL = """() => {
    window.kernelComplaints = [];
    window.pendingRequests = new Set();
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    kernel.anyMessage.connect((_, { msg, direction }) => {
        if (direction === 'send' && ['comm_msg', 'execute_request'].includes(msg.header.msg_type))
            window.pendingRequests.add(msg.header.msg_id);
    });
    kernel.iopubMessage.connect((_, { content, header, parent_header }) => {
        if (header.msg_type === 'error') window.kernelComplaints.push(`${content.ename}: ${content.evalue}`);
        if (header.msg_type === 'stream' && content.name === 'stderr')
            window.kernelComplaints.push(content.text);
        if (header.msg_type === 'status' && content.execution_state === 'idle')
            window.pendingRequests.delete(parent_header.msg_id);
    });
}"""
SETTLED = """async seconds => {
    const frame = () => new Promise(requestAnimationFrame);
    const end = performance.now() + 1000 * seconds;
    do {
        do {
            if (performance.now() > end) throw new Error(`the kernel is still busy after ${seconds} s`);
            await frame();
        } while (window.pendingRequests.size);
        await frame();  // the page shows what came, and a control may answer it with a request of its own
        await frame();
    } while (window.pendingRequests.size);
}"""
CELLS = """() => [...window.jupyterapp.shell.currentWidget.content.model.cells].map(cell => ({
    code: cell.type === 'code', source: cell.sharedModel.getSource(),
    count: cell.executionCount ?? null, outputs: cell.outputs?.toJSON() ?? []
}))"""


class NotebookPage:
    """A notebook open in JupyterLab, and a record of everything that must not happen in it."""

    def __init__(self, context: BrowserContext, lab: Lab, notebook: str) -> None:
        self.foreign: list[str] = []
        self.console_errors: list[str] = []
        self._ran = 0
        self.page: Page = context.new_page()
        self.page.set_default_timeout(20_000)
        self.page.on("request", lambda request: self._note_address(request.url))
        self.page.on("websocket", lambda socket: self._note_address(socket.url))
        self.page.on("console", self._note_console)
        self.page.on("pageerror", lambda error: self.console_errors.append(str(error)))
        self.page.goto(lab.url(notebook), timeout=60_000)  # the first time, JupyterLab itself is loaded
        self.wait_until_idle()
        self.page.evaluate(WATCH_KERNEL)

    def close(self) -> None:
        """Shut the kernel down and close the page."""
        self.page.evaluate(
            "async () => { await window.jupyterapp.shell.currentWidget.sessionContext.shutdown(); }"
        )
        self.page.close()

    def wait_until_idle(self, *, seconds: float = 60) -> None:
        """Wait for a kernel that is connected and has nothing to do."""
        self.page.wait_for_function(IDLE, timeout=seconds * 1000)

    def settle(self, *, seconds: float = 30) -> None:
        """Wait until the kernel has answered everything and the page has drawn it."""
        self.page.evaluate(SETTLED, seconds)

    def run_all(self, *, seconds: float = 180) -> None:
        """Run → Run All Cells, and wait for the last cell.

        Raises
        ------
        AssertionError
            If a cell raised, or not every cell ran in order; the message holds the cell's own error.
        """
        self.wait_until_idle()
        self.page.evaluate(
            "() => { window.ranAll = null; window.jupyterapp.commands.execute('notebook:run-all-cells')"
            ".then(() => { window.ranAll = 'done'; }, error => { window.ranAll = String(error); }); }"
        )
        self.page.wait_for_function("() => window.ranAll !== null", timeout=seconds * 1000)
        assert not (errors := self.errors()), errors[0]
        self.wait_until_idle()
        counts = [cell["count"] for cell in self.code_cells()]
        expected = list(range(self._ran + 1, self._ran + 1 + len(counts)))
        assert counts == expected, f"cells ran as {counts}, not as {expected}"
        self._ran = expected[-1]

    def code_cells(self) -> list[dict[str, Any]]:
        """Source, execution count and outputs of each code cell that holds code."""
        cells = self.page.evaluate(CELLS)
        return [cell for cell in cells if cell["code"] and cell["source"].strip()]

    def errors(self) -> list[str]:
        """One readable text for each cell that raised."""
        return [
            f"The cell\n{cell['source'][:400]}\nraised\n" + COLOURS.sub("", "\n".join(output["traceback"]))
            for cell in self.code_cells()
            for output in cell["outputs"]
            if output["output_type"] == "error"
        ]

    def complaints(self) -> list[str]:
        """Everything that must not have happened so far: a test asserts that this is empty."""
        stderr = [
            f"stderr: {output['text']}"
            for cell in self.code_cells()
            for output in cell["outputs"]
            if output["output_type"] == "stream" and output["name"] == "stderr"
        ]
        said = self.page.evaluate("() => window.kernelComplaints")
        kernel = [f"kernel: {text}" for text in said if ALLOWED_KERNEL_WORDS.sub("", text)]
        left = [f"request to {address}" for address in self.foreign]
        console = [f"console: {text}" for text in self.console_errors]
        return left + console + stderr + kernel + self.errors()

    def forgive(self) -> list[str]:
        """Return the complaints of page and kernel, and forget them: for a test that provokes one."""
        complaints = self.complaints()
        self.foreign.clear()
        self.console_errors.clear()
        self.page.evaluate("() => { window.kernelComplaints = []; }")
        return complaints

    def ask(self, expression: str) -> Any:
        """Value of a Python expression in the notebook's kernel, as a reader's next cell would get it.

        Raises
        ------
        AssertionError
            If the expression raised.
        """
        answer = self.page.evaluate(ASK, expression)
        assert "problem" not in answer, f"{expression} raised {answer['problem']}"
        return json.loads(ast.literal_eval(answer["text"]))

    def cell_of(self, last_line: str) -> Locator:
        """The first cell whose code ends with this line, scrolled into view."""
        cells = self.page.evaluate(CELLS)
        lasts = [cell["source"].rstrip().rsplit("\n", 1)[-1] for cell in cells]
        assert last_line in lasts, f"no cell ends with the line {last_line!r}"
        number = lasts.index(last_line)
        self.page.evaluate(
            "n => window.jupyterapp.shell.currentWidget.content.scrollToItem(n, 'center')", number
        )
        cell = self.page.locator(f'.jp-Notebook .jp-Cell[data-windowed-list-index="{number}"]')
        cell.scroll_into_view_if_needed()
        return cell

    def set_theme(self, theme: str) -> None:
        """Change to “JupyterLab Light” or “JupyterLab Dark”."""
        if self.page.locator(f'body[data-jp-theme-name="{theme}"]').count():
            return
        self.page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme
        )
        self.page.locator(f'body[data-jp-theme-name="{theme}"]').wait_for(state="attached")

    def screenshot(self, path: Path) -> None:
        """Save what the page shows."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=str(path))

    def _note_address(self, address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("data", "blob") and parts.hostname != HOST:
            self.foreign.append(address)

    def _note_console(self, message: Any) -> None:
        if message.type == "error" and message.text not in ALLOWED_CONSOLE_ERRORS:
            self.console_errors.append(f"{message.text} ({message.location.get('url', '')})")
