"""Adapters for AWS: DynamoDB, SQS, S3, Secrets Manager, CloudWatch."""
