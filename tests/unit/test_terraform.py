"""What the Terraform files say, read as HCL. Neither plan nor apply runs here: there is no provider and no account."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hcl2
import pytest

from letterbox.local.home import REPOSITORY

FOLDER = REPOSITORY / "deploy/terraform-ec2"


class Files:
    """All blocks of a folder of Terraform files."""

    def __init__(self, folder: Path) -> None:
        self.blocks = [hcl2.loads(file.read_text()) for file in sorted(folder.glob("*.tf"))]

    def named(self, kind: str) -> dict[str, Any]:
        """The blocks of a kind with one label: `variable`, `output`."""
        return {name: body for block in self.blocks for one in block.get(kind, ()) for name, body in plain(one).items()}

    def resources(self, type: str) -> dict[str, Any]:
        """The resources of a type, by name."""
        found: dict[str, Any] = {}
        for block in self.blocks:
            for one in block.get("resource", ()):
                found |= plain(one).get(type, {})
        return found

    def data(self, type: str) -> dict[str, Any]:
        """The data sources of a type, by name."""
        found: dict[str, Any] = {}
        for block in self.blocks:
            for one in block.get("data", ()):
                found |= plain(one).get(type, {})
        return found


def plain(value: Any) -> Any:
    """Without the quotes that the parser leaves around strings."""
    if isinstance(value, dict):
        return {plain(key): plain(inner) for key, inner in value.items() if not str(key).startswith("__")}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value[1:-1] if isinstance(value, str) and value[:1] == value[-1:] == '"' else value


def says_every_variable_and_output(files: Files) -> None:
    for name, variable in files.named("variable").items():
        assert len(variable["description"]) > 15, name
        assert variable["type"], name
        rule = variable["validation"][0]
        assert f"var.{name}" in str(rule["condition"]), name
        assert rule["error_message"].endswith("."), name
    assert files.named("output")
    assert all(output["description"] for output in files.named("output").values())


def pins_versions(files: Files) -> None:
    said = next(plain(block["terraform"][0]) for block in files.blocks if "terraform" in block)
    assert said["required_version"] == ">= 1.10"
    assert said["required_providers"][0]["aws"]["version"] == "~> 6.0"
    assert "dynamodb" not in str(said["backend"])


def opens_three_ports(files: Files) -> None:
    rules = files.resources("aws_vpc_security_group_ingress_rule").values()
    assert sorted((one["ip_protocol"], one["from_port"], one["to_port"]) for one in rules) == [
        ("tcp", 80, 80), ("tcp", 443, 443), ("udp", 443, 443),
    ]  # fmt: skip
    assert not files.resources("aws_security_group_rule")
    for group in files.resources("aws_security_group").values():
        assert "ingress" not in group
        assert "egress" not in group
    assert files.resources("aws_default_security_group")["closed"].keys() == {"vpc_id"}


def asks_for_a_token_of_the_metadata_service(files: Files) -> None:
    options = files.resources("aws_instance")["main"]["metadata_options"][0]
    assert options["http_tokens"] == "required"
    assert options["http_put_response_hop_limit"] <= 2


def encrypts_every_volume(files: Files) -> None:
    instance = files.resources("aws_instance")["main"]
    volumes = [instance["root_block_device"][0], *files.resources("aws_ebs_volume").values()]
    assert len(volumes) == 2
    for volume in volumes:
        assert volume["encrypted"] is True
        assert volume.get("volume_type", volume.get("type")) == "gp3"


def keeps_what_must_last(files: Files) -> None:
    for kind in ("aws_ebs_volume", "aws_s3_bucket"):
        for name, one in files.resources(kind).items():
            assert one["lifecycle"][0]["prevent_destroy"] is True, (kind, name)
    assert {"ami", "user_data"} <= set(files.resources("aws_instance")["main"]["lifecycle"][0]["ignore_changes"])


def closes_the_bucket(files: Files) -> None:
    assert set(files.resources("aws_s3_bucket")) == {"backup"}
    access = files.resources("aws_s3_bucket_public_access_block")["backup"]
    assert [value for key, value in access.items() if key != "bucket"] == [True] * 4
    assert files.resources("aws_s3_bucket_versioning")["backup"]["versioning_configuration"][0]["status"] == "Enabled"
    assert files.resources("aws_s3_bucket_server_side_encryption_configuration")["backup"]
    rule = files.resources("aws_s3_bucket_lifecycle_configuration")["backup"]["rule"][0]
    assert rule["status"] == "Enabled"
    assert rule["noncurrent_version_expiration"][0]["noncurrent_days"] == "${var.backup_days}"
    tls = files.data("aws_iam_policy_document")["backup"]["statement"][0]
    assert tls["effect"] == "Deny"
    assert tls["condition"][0]["variable"] == "aws:SecureTransport"
    assert len(tls["resources"]) == 2


def gives_the_machine_little(files: Files) -> None:
    attached = [one["policy_arn"] for one in files.resources("aws_iam_role_policy_attachment").values()]
    assert attached == ["arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"]
    statements = files.data("aws_iam_policy_document")["instance"]["statement"]
    allowed = [one for one in statements if one.get("effect", "Allow") == "Allow"]
    assert {action for one in allowed for action in one["actions"]} == {
        "s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload",
        "ses:SendEmail", "ses:SendRawEmail",
    }  # fmt: skip
    for one in allowed:
        bounded = "condition" in one or all("/${var.backup_prefix}/" in resource for resource in one["resources"])
        assert bounded, one["sid"]
        assert "*" not in one["resources"]


CHECKS = (
    says_every_variable_and_output, pins_versions, opens_three_ports, asks_for_a_token_of_the_metadata_service,
    encrypts_every_volume, keeps_what_must_last, closes_the_bucket, gives_the_machine_little,
)  # fmt: skip

BREAKS: tuple[tuple[Callable[[Files], None], str, str, str], ...] = (
    (says_every_variable_and_output, "variables.tf", "The AWS region of everything.", ""),
    (says_every_variable_and_output, "variables.tf", 'can(regex("^[a-f]$", var.zone))', "true"),
    (says_every_variable_and_output, "outputs.tf", "Where visitors go.", ""),
    (pins_versions, "versions.tf", "~> 6.0", ">= 5.0"),
    (opens_three_ports, "security.tf", "from_port         = 80", "from_port         = 22"),
    (opens_three_ports, "security.tf", "vpc_id      = aws_vpc.main.id\n", "vpc_id = aws_vpc.main.id\n  ingress {}\n"),
    (asks_for_a_token_of_the_metadata_service, "instance.tf", '"required"', '"optional"'),
    (encrypts_every_volume, "instance.tf", "encrypted             = true", "encrypted = false"),
    (encrypts_every_volume, "instance.tf", "encrypted         = true", "encrypted = false"),
    (keeps_what_must_last, "instance.tf", "prevent_destroy = true", "prevent_destroy = false"),
    (closes_the_bucket, "backup.tf", "block_public_policy     = true", "block_public_policy = false"),
    (closes_the_bucket, "backup.tf", '"Enabled"', '"Suspended"'),
    (closes_the_bucket, "backup.tf", "aws:SecureTransport", "aws:ViaAWSService"),
    (gives_the_machine_little, "identity.tf", 'AmazonSSMManagedInstanceCore"\n', 'AdministratorAccess"\n'),
    (gives_the_machine_little, "identity.tf", "arn}/${var.backup_prefix}/*", "arn}/*"),
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_terraform_files(check: Callable[[Files], None]) -> None:
    check(Files(FOLDER))


@pytest.mark.parametrize(("check", "file", "old", "new"), BREAKS, ids=range(len(BREAKS)))
def test_a_broken_copy_is_caught(check: Callable[[Files], None], file: str, old: str, new: str, tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "copy", ignore=shutil.ignore_patterns(".terraform"))
    text = (tmp_path / "copy" / file).read_text()
    assert old in text
    (tmp_path / "copy" / file).write_text(text.replace(old, new, 1))
    with pytest.raises(AssertionError):
        check(Files(tmp_path / "copy"))


def test_every_check_can_fail() -> None:
    assert {check for check, *_ in BREAKS} == set(CHECKS)


def test_user_data_gets_every_value_it_names_and_calls_a_script_that_takes_them() -> None:
    template = (FOLDER / "user-data.sh.tftpl").read_text()
    given = str(Files(FOLDER).resources("aws_instance")["main"]["user_data"])
    named = set(re.findall(r"\$\{(\w+)\}", template))
    assert named
    assert all(f"{name} =" in given for name in named)
    script = (REPOSITORY / "scripts/setup-ec2.sh").read_text()
    options = set(re.findall(r" (--(?!quiet)[a-z]+) '\$\{", template))
    assert len(options) == 6
    assert all(f"    {option}) " in script for option in options)
    assert len(template.encode()) < 16 * 1024


def test_the_example_names_variables_that_are_there() -> None:
    variables = Files(FOLDER).named("variable")
    example = (FOLDER / "terraform.tfvars.example").read_text()
    assert set(re.findall(r"^#? ?(\w+) *=", example, re.MULTILINE)) <= set(variables)
    needed = {name for name, one in variables.items() if "default" not in one}
    assert needed <= set(hcl2.loads(example))
