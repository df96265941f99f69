"""The file of each document, and its text."""

from reconciler.export.files import documents, in_files
from reconciler.export.manifests import Manifest

HTML = '<a href="{{magic_link_url}}">\r\nSign in</a>\n\n'


def test_names_of_stytchs_own_share_a_file_and_everything_else_has_its_own() -> None:
    files = documents(
        [
            Manifest(kind="Member", namespace="acme", name="ben@acme.example", spec={}),
            Manifest(kind="Member", namespace="acme", name="ann@acme.example", spec={"roles": ["editor"]}),
            Manifest(kind="JWTTemplate", name="M2M", spec={"template_content": "{}"}),
            Manifest(kind="JWTTemplate", name="SESSION", spec={"template_content": "${{"}),
            Manifest(kind="RedirectURL", name="https://a.example/?b", spec={"valid_types": [{"type": "LOGIN"}]}),
        ]
    )
    assert list(files) == [
        "manifests/RedirectURL/https-a.example-b.yaml",
        "manifests/JWTTemplate.yaml",
        "manifests/Member/acme.yaml",
    ]
    assert files["manifests/JWTTemplate.yaml"] == (
        "apiVersion: reconciler/v1\nkind: JWTTemplate\nmetadata: {name: SESSION}\n"
        "spec: {template_content: '${{ \"${{\" }}'}\n---\n"
        'apiVersion: reconciler/v1\nkind: JWTTemplate\nmetadata: {name: M2M}\nspec: {template_content: "{}"}\n'
    )
    assert files["manifests/Member/acme.yaml"].index("ann@") < files["manifests/Member/acme.yaml"].index("ben@")


def test_long_texts_stand_in_files_of_their_own() -> None:
    custom = {"plaintext_content": "Sign in", "html_content": HTML, "template_type": "LOGIN"}
    (mail,), files = in_files([Manifest(kind="EmailTemplate", name="a b", spec={"custom_html_customization": custom})])
    assert mail.spec == {
        "custom_html_customization": {
            "template_type": "LOGIN",
            "html_content": {"file": "files/EmailTemplate/a-b.html_content.html"},
            "plaintext_content": "Sign in",
        }
    }
    assert files == {"files/EmailTemplate/a-b.html_content.html": HTML + "\n"}


def test_a_text_s_file_is_named_by_its_field_however_the_text_begins() -> None:
    custom = {"template_type": "LOGIN", "html_content": "{{magic_link_url}}\n", "plaintext_content": " {{url}}\n<b"}
    _, files = in_files(
        [
            Manifest(kind="JWTTemplate", name="SESSION", spec={"template_content": "<a>\n"}),
            Manifest(kind="ConnectedApp", name="a", spec={"id_token_template_content": "\n"}),
            Manifest(kind="EmailTemplate", name="b", spec={"custom_html_customization": custom}),
            Manifest(kind="TrustedTokenProfile", name="c", spec={"pem_files": ["{\n"]}),
            Manifest(kind="Organization", name="d", spec={"organization_logo_url": "<\n"}),
        ]
    )
    assert list(files) == [
        "files/JWTTemplate/SESSION.json",
        "files/ConnectedApp/a.id_token_template_content.json",
        "files/EmailTemplate/b.html_content.html",
        "files/EmailTemplate/b.plaintext_content.txt",
        "files/TrustedTokenProfile/c.0.pem",
        "files/Organization/d.txt",
    ]
