"""The rows assert like tests do, and their failures shall be as readable."""

import pytest

pytest.register_assert_rewrite(
    *(
        f"tests.matrix.{name}"
        for name in (
            "rows_failures",
            "rows_identity",
            "rows_members",
            "rows_names",
            "rows_running",
            "rows_shapes",
            "stage",
            "trial",
        )
    )
)
