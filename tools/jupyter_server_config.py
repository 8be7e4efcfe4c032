"""JupyterLab's settings for `make lab`: answers of the kernel leave at once.

By default a small message to the page may wait up to 40 ms for a larger one (Nagle's algorithm meets the
browser's delayed acknowledgement), which is as long as everything else between a key press and new pixels.
"""

from typing import Any

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection


class PromptConnection(ZMQChannelsWebsocketConnection):
    """The usual connection to a kernel, without the wait."""

    def connect(self) -> Any:
        """Switch the wait off, then connect as usual."""
        self.websocket_handler.set_nodelay(True)
        return super().connect()


c = get_config()  # type: ignore[name-defined]  # noqa: F821
c.ServerApp.kernel_websocket_connection_class = PromptConnection
