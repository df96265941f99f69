"""Fields and resources that an export leaves out are listed once, with their reason."""

from reconciler.commands.export import export_report
from reconciler.export.checks import checked
from reconciler.export.gather import Exported
from reconciler.export.manifests import LeftOut, Manifest
from reconciler.report.formats import render

LOOKS = {"button_color": "#abcd"}  # Stytch accepts it, but no manifest can hold it
MAIL = Manifest(kind="EmailTemplate", name="A", spec={"name": "Mail", "prebuilt_customization": LOOKS})
ACME = Manifest(kind="Organization", name="acme", spec={"organization_name": "A", "email_allowed_domains": [""]})


def left_out(*manifests: Manifest) -> list[LeftOut]:
    return checked(manifests, {}, {}).left_out


def test_a_resource_without_a_required_field_is_left_out_for_the_fields_reason() -> None:
    (listed,) = left_out(MAIL)
    assert (listed.address, listed.field) == ("EmailTemplate/A", "")
    assert listed.reason.startswith("prebuilt_customization: ")
    assert "#abcd" in listed.reason


def test_a_field_and_a_whole_thing_read_differently() -> None:
    assert [(each.address, each.field) for each in left_out(ACME)] == [("Organization/acme", "email_allowed_domains")]
    exported = Exported(files={}, tables={}, left_out=left_out(ACME, MAIL), secrets=[])
    of_acme, mail = sorted(render(export_report(exported, (), "export")).splitlines()[:2])
    assert of_acme.startswith("left out of Organization/acme: email_allowed_domains: ")
    assert mail.startswith("left out: EmailTemplate/A: prebuilt_customization: ")
