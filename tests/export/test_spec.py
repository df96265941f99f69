"""The spec as a person writes it: without defaults, and with long texts in files."""

from reconciler.export.spec import as_written, is_long
from reconciler.kinds import KINDS


def test_what_the_items_of_a_list_are_by_default_is_left_out() -> None:
    types = [{"type": "LOGIN", "is_default": True}, {"type": "SIGNUP", "is_default": False}]
    written = as_written(KINDS["RedirectURL"], {"valid_types": types})
    assert written == {"valid_types": [{"type": "LOGIN", "is_default": True}, {"type": "SIGNUP"}]}
    basic = {"enabled": False, "domains": [{"domain": "https://a.example", "slug_pattern": ""}]}
    written = as_written(KINDS["SDKConfig"], {"basic": basic})
    assert written == {"basic": {"enabled": False, "domains": [{"domain": "https://a.example"}]}}


def test_unknown_fields_are_left_out() -> None:
    assert as_written(KINDS["JWTTemplate"], {"custom_audience": "a", "jwt_template_type": "M2M"}) == {
        "custom_audience": "a"
    }


def test_metadata_is_whatever_it_is() -> None:
    metadata = {"a": {"b": [{"c": ""}]}}
    assert as_written(KINDS["Organization"], {"trusted_metadata": metadata}) == {"trusted_metadata": metadata}


def test_texts_that_a_file_may_hold_are_put_elsewhere() -> None:
    seen = []

    def put(path: tuple[str, ...], text: str) -> object:
        seen.append((path, text))
        return {"file": f"{path[-1]}.txt"}

    custom = {"template_type": "LOGIN", "subject": "Hello", "html_content": "<p>", "plaintext_content": "p"}
    written = as_written(KINDS["EmailTemplate"], {"name": "A", "custom_html_customization": custom}, put)
    assert written["custom_html_customization"] == {
        "template_type": "LOGIN",
        "subject": "Hello",
        "html_content": {"file": "html_content.txt"},
        "plaintext_content": {"file": "plaintext_content.txt"},
    }
    assert seen == [
        (("custom_html_customization", "html_content"), "<p>"),
        (("custom_html_customization", "plaintext_content"), "p"),
    ]


def test_a_text_is_long_that_does_not_fit_on_a_line() -> None:
    assert [is_long(text) for text in ("", "x" * 120, "x" * 121, "x\n")] == [False, False, True, True]
