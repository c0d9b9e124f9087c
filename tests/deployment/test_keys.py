"""What encrypts the data of a stage, and who may use the key."""

import json
from typing import Any

import pytest

from tests.deployment.resolved import of_type, resolved
from tests.deployment.test_permissions import statements
from tests.deployment.translated import FUNCTIONS
from tests.documentation.documents import blocks

ARN = "arn:aws:kms:eu-central-1:123456789012:key/a1b2"
CREATED = {"Fn::GetAtt": ["DataKey", "Arn"]}


def encrypted(*parameters: str) -> dict[str, Any]:
    """The key of everything that stores data, by logical id; ``None`` is a key of AWS."""
    keys: dict[str, Any] = {}
    for name, table in of_type("DynamoDB::Table", *parameters).items():
        assert table["SSESpecification"]["SSEEnabled"] is True
        keys[name] = table["SSESpecification"].get("KMSMasterKeyId")
    for name, queue in of_type("SQS::Queue", *parameters).items():
        keys[name] = queue.get("KmsMasterKeyId")
        # One of the two always, and SQS takes no queue with both.
        assert queue["SqsManagedSseEnabled"] is (keys[name] is None)
    for name, bucket in of_type("S3::Bucket", *parameters).items():
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        default = rule["ServerSideEncryptionByDefault"]
        keys[name] = default.get("KMSMasterKeyID")
        assert default["SSEAlgorithm"] == ("AES256" if keys[name] is None else "aws:kms")
    for name, function in of_type("Lambda::Function", *parameters).items():
        keys[name] = function.get("KmsKeyArn")
    for name, group in of_type("Logs::LogGroup", *parameters).items():
        keys[name] = group.get("KmsKeyId")
    return keys


@pytest.mark.parametrize(
    ("parameters", "key"),
    [((), None), (("EncryptionKey=create",), CREATED), ((f"EncryptionKey={ARN}",), ARN)],
    ids=["none", "create", "arn"],
)
def test_all_data_is_encrypted_with_the_key_that_is_chosen(
    parameters: tuple[str, ...], key: Any
) -> None:
    keys = encrypted(*parameters)
    assert len(keys) == 4 + 14 + 1 + 4 + 5
    assert [name for name, one in keys.items() if one != key] == []


def test_key_is_made_only_where_that_is_asked_for() -> None:
    assert "DataKey" not in resolved() | resolved(f"EncryptionKey={ARN}")
    made = resolved("EncryptionKey=create")["DataKey"]
    # Tables and bucket are retained, too, and need it.
    assert made["DeletionPolicy"] == "RetainExceptOnCreate"
    assert made["UpdateReplacePolicy"] == "Retain"
    assert made["Properties"]["EnableKeyRotation"]


def test_made_key_lets_the_account_grant_its_use_and_cloudwatch_logs_use_it() -> None:
    policy = of_type("KMS::Key", "EncryptionKey=create")["DataKey"]["KeyPolicy"]
    administer, logs = policy["Statement"]
    assert administer["Principal"]["AWS"] == {
        "Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"
    }
    assert logs["Principal"] == {"Service": {"Fn::Sub": "logs.${AWS::Region}.amazonaws.com"}}
    own_groups = logs["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]["Fn::Sub"]
    assert own_groups.endswith(":log-group:${AWS::StackName}-*")


def test_guide_shows_the_statement_for_logs_that_a_key_of_the_operator_needs() -> None:
    (text,) = (block for block in blocks("docs/operations.md", "json") if "EncryptLogs" in block)
    shown = json.loads(text)
    _, made = of_type("KMS::Key", "EncryptionKey=create")["DataKey"]["KeyPolicy"]["Statement"]
    for member in ("Sid", "Effect", "Action", "Resource"):
        assert shown[member] == made[member]
    assert shown["Condition"]["ArnLike"].keys() == made["Condition"]["ArnLike"].keys()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_function_may_use_the_key_through_the_services_that_it_calls(function: str) -> None:
    (use,) = [s for role, sid, s in statements() if (role, sid) == (f"{function}Role", "UseKey")]
    assert use["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert use["Resource"] == {"Fn::If": ["CreatesKey", CREATED, {"Ref": "EncryptionKey"}]}
    through = json.dumps(use["Condition"]["StringEquals"]["kms:ViaService"])
    services = {"dynamodb", "s3", "sqs", "secretsmanager"}
    expected = {"dynamodb", "s3"} if function == "Purge" else services
    assert {service for service in services if f'"{service}.' in through} == expected


def test_without_a_key_no_function_has_a_permission_for_one() -> None:
    policies = json.dumps([*of_type("IAM::Role").values(), *of_type("IAM::Policy").values()])
    assert "kms:" not in policies
    with_key = of_type("IAM::Role", f"EncryptionKey={ARN}")
    assert "kms:" in json.dumps(with_key["PurgeRole"])
