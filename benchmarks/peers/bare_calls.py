"""The least that a webhook can cost on AWS: two clients, three calls, nothing checked."""

import os
import uuid

import boto3

dynamodb = boto3.client("dynamodb")
sqs = boto3.client("sqs")
table = os.environ["MESSAGES_TABLE"]
queue_url = os.environ["SMS_REPLIES_QUEUE_URL"]


def lambda_handler(event: dict[str, object], _context: object) -> dict[str, object]:
    """Store the form of the event, change the item, put the form on the queue."""
    body = str(event["body"])
    key = {"request_id": {"S": str(uuid.uuid4())}}
    dynamodb.put_item(
        TableName=table,
        Item={**key, "body": {"S": body}},
        ConditionExpression="attribute_not_exists(request_id)",
    )
    dynamodb.update_item(
        TableName=table,
        Key=key,
        UpdateExpression="SET #state = :state",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={":state": {"S": "queued"}},
    )
    sqs.send_message(QueueUrl=queue_url, MessageBody=body, DelaySeconds=30)
    return {"statusCode": 200}
