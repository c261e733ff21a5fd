"""The sections of the page: each module builds what one template shows."""
