"""One attempt to send, one call received: plan, transmit, receive, listener, results."""
