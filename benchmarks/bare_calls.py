"""The least that a webhook can cost: boto3 in the folder given, two clients, three calls."""

import sys
import uuid

libraries, table, queue_url = sys.argv[1:]
sys.path.insert(0, libraries)

import boto3  # noqa: E402

dynamodb = boto3.client("dynamodb")
sqs = boto3.client("sqs")

key = {"request_id": {"S": str(uuid.uuid4())}}
dynamodb.put_item(
    TableName=table,
    Item={**key, "body": {"S": "Is my order on its way?"}},
    ConditionExpression="attribute_not_exists(request_id)",
)
dynamodb.update_item(
    TableName=table,
    Key=key,
    UpdateExpression="SET #state = :state",
    ExpressionAttributeNames={"#state": "state"},
    ExpressionAttributeValues={":state": {"S": "queued"}},
)
sqs.send_message(QueueUrl=queue_url, MessageBody="{}", DelaySeconds=30)
