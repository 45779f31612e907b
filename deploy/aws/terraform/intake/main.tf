# The same resources as ../../cloudformation/intake.yaml, one by one. Never planned against AWS: docs/aws-deployment.md.

data "aws_caller_identity" "current" {}

resource "aws_kinesis_stream" "stream" {
  name             = "${var.name}-intake"
  retention_period = var.retention_hours
  encryption_type  = "KMS"
  kms_key_id       = "alias/aws/kinesis"
  stream_mode_details {
    stream_mode = "ON_DEMAND"
  }
}

data "aws_iam_policy_document" "service" {
  for_each = toset(["logs", "events"])
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["${each.key}.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

data "aws_iam_policy_document" "function" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "logs_role" {
  description        = "Lets CloudWatch Logs write into the stream."
  assume_role_policy = data.aws_iam_policy_document.service["logs"].json
}

resource "aws_iam_role_policy" "logs_policy" {
  name   = "write-stream"
  role   = aws_iam_role.logs_role.id
  policy = data.aws_iam_policy_document.logs_policy.json
}

data "aws_iam_policy_document" "logs_policy" {
  statement {
    actions   = ["kinesis:PutRecord"]
    resources = [aws_kinesis_stream.stream.arn]
  }
}

resource "aws_cloudwatch_log_subscription_filter" "subscription" {
  name            = "${var.name}-intake"
  log_group_name  = var.log_group_name
  filter_pattern  = ""
  destination_arn = aws_kinesis_stream.stream.arn
  role_arn        = aws_iam_role.logs_role.arn
  depends_on      = [aws_iam_role_policy.logs_policy]
}

resource "aws_cloudwatch_log_metric_filter" "error_count" {
  name           = "${var.name}-errors"
  log_group_name = var.log_group_name
  pattern        = var.error_pattern
  metric_transformation {
    namespace     = "RecoverOps"
    name          = "errors:${var.log_group_name}"
    value         = "1"
    default_value = "0"
  }
}

resource "aws_cloudwatch_metric_alarm" "error_alarm" {
  alarm_name          = "${var.name}-errors"
  alarm_description   = "Errors in ${var.log_group_name}"
  namespace           = "RecoverOps"
  metric_name         = "errors:${var.log_group_name}"
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 3
  threshold           = var.errors_per_minute
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "missing"
}

resource "aws_iam_role" "rule_role" {
  description        = "Lets EventBridge write into the stream."
  assume_role_policy = data.aws_iam_policy_document.service["events"].json
}

resource "aws_iam_role_policy" "rule_policy" {
  name   = "write-stream"
  role   = aws_iam_role.rule_role.id
  policy = data.aws_iam_policy_document.rule_policy.json
}

data "aws_iam_policy_document" "rule_policy" {
  statement {
    actions   = ["kinesis:PutRecord", "kinesis:PutRecords"]
    resources = [aws_kinesis_stream.stream.arn]
  }
}

resource "aws_cloudwatch_event_rule" "alarm_rule" {
  description = "Alarms that change their state go into the stream, but for the one about the stream itself."
  event_pattern = jsonencode({
    source      = ["aws.cloudwatch"]
    detail-type = ["CloudWatch Alarm State Change"]
    resources   = [{ anything-but = aws_cloudwatch_metric_alarm.lag_alarm.arn }]
  })
}

resource "aws_cloudwatch_event_target" "alarm_rule" {
  rule     = aws_cloudwatch_event_rule.alarm_rule.name
  arn      = aws_kinesis_stream.stream.arn
  role_arn = aws_iam_role.rule_role.arn
}

resource "aws_s3_bucket" "archive" {
  bucket_prefix = "${var.name}-archive-"
}

resource "aws_s3_bucket_server_side_encryption_configuration" "archive" {
  bucket = aws_s3_bucket.archive.id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_ownership_controls" "archive" {
  bucket = aws_s3_bucket.archive.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "archive" {
  bucket                  = aws_s3_bucket.archive.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_lifecycle_configuration" "archive" {
  bucket = aws_s3_bucket.archive.id
  rule {
    id     = "expire"
    status = "Enabled"
    filter {}
    expiration {
      days = var.archive_days
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
}

resource "aws_s3_bucket_policy" "archive_policy" {
  bucket = aws_s3_bucket.archive.id
  policy = data.aws_iam_policy_document.archive_policy.json
}

data "aws_iam_policy_document" "archive_policy" {
  statement {
    sid       = "OnlyEncryptedConnections"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.archive.arn, "${aws_s3_bucket.archive.arn}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_iam_role" "archive_role" {
  description        = "Lets Firehose read the stream and write the archive."
  assume_role_policy = data.aws_iam_policy_document.archive_role.json
}

data "aws_iam_policy_document" "archive_role" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["firehose.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "sts:ExternalId"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

resource "aws_iam_role_policy" "archive_role_policy" {
  name   = "archive"
  role   = aws_iam_role.archive_role.id
  policy = data.aws_iam_policy_document.archive_role_policy.json
}

data "aws_iam_policy_document" "archive_role_policy" {
  statement {
    actions   = ["kinesis:DescribeStream", "kinesis:GetShardIterator", "kinesis:GetRecords", "kinesis:ListShards"]
    resources = [aws_kinesis_stream.stream.arn]
  }
  statement {
    actions   = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
    resources = [aws_s3_bucket.archive.arn]
  }
  statement {
    actions   = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"]
    resources = ["${aws_s3_bucket.archive.arn}/*"]
  }
}

resource "aws_kinesis_firehose_delivery_stream" "delivery" {
  name        = "${var.name}-archive"
  destination = "extended_s3"
  kinesis_source_configuration {
    kinesis_stream_arn = aws_kinesis_stream.stream.arn
    role_arn           = aws_iam_role.archive_role.arn
  }
  extended_s3_configuration {
    bucket_arn          = aws_s3_bucket.archive.arn
    role_arn            = aws_iam_role.archive_role.arn
    prefix              = "records/!{timestamp:yyyy/MM/dd/HH}/"
    error_output_prefix = "failed/!{firehose:error-output-type}/!{timestamp:yyyy/MM/dd}/"
    buffering_interval  = 300
    buffering_size      = 64
    compression_format  = "GZIP"
  }
  depends_on = [aws_iam_role_policy.archive_role_policy]
}

resource "aws_sqs_queue" "failed" {
  name_prefix               = "${var.name}-failed-"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

resource "aws_cloudwatch_log_group" "forwarder_log" {
  name              = "/recoverops/${var.name}/forwarder"
  retention_in_days = 30
}

resource "aws_security_group" "forwarder_security_group" {
  description = "The forwarder. Nothing comes in; HTTPS goes out."
  vpc_id      = var.vpc_id
  egress {
    description = "RecoverOps and AWS over HTTPS"
    protocol    = "tcp"
    from_port   = 443
    to_port     = 443
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_iam_role" "forwarder_role" {
  description        = "Reads the stream and the intake key, and nothing else."
  assume_role_policy = data.aws_iam_policy_document.function.json
}

resource "aws_iam_role_policy" "forwarder_policy" {
  name   = "forward"
  role   = aws_iam_role.forwarder_role.id
  policy = data.aws_iam_policy_document.forwarder_policy.json
}

data "aws_iam_policy_document" "forwarder_policy" {
  statement {
    actions   = ["kinesis:DescribeStreamSummary", "kinesis:GetShardIterator", "kinesis:GetRecords", "kinesis:ListShards"]
    resources = [aws_kinesis_stream.stream.arn]
  }
  statement {
    actions   = ["kinesis:ListStreams"]
    resources = ["*"]
  }
  statement {
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [var.intake_key_arn]
  }
  statement {
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.failed.arn]
  }
  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.forwarder_log.arn}:*"]
  }
  statement {
    actions   = ["ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DeleteNetworkInterface"]
    resources = ["*"]
  }
}

resource "aws_lambda_function" "forwarder" {
  function_name = "${var.name}-forwarder"
  description   = "Alarms from the stream to RecoverOps."
  handler       = "forward.handler"
  runtime       = "python3.13"
  architectures = ["arm64"]
  memory_size   = 128
  timeout       = 120
  role          = aws_iam_role.forwarder_role.arn
  s3_bucket     = var.code_bucket
  s3_key        = var.code_key
  logging_config {
    log_group  = aws_cloudwatch_log_group.forwarder_log.name
    log_format = "Text"
  }
  vpc_config {
    subnet_ids         = var.subnet_ids
    security_group_ids = [aws_security_group.forwarder_security_group.id]
  }
  environment {
    variables = {
      RECOVEROPS_URL = var.recoverops_url
      KEY_SECRET     = var.intake_key_arn
    }
  }
  depends_on = [aws_iam_role_policy.forwarder_policy]
}

resource "aws_lambda_event_source_mapping" "mapping" {
  function_name                      = aws_lambda_function.forwarder.arn
  event_source_arn                   = aws_kinesis_stream.stream.arn
  starting_position                  = "TRIM_HORIZON"
  batch_size                         = 100
  maximum_batching_window_in_seconds = 1
  parallelization_factor             = 1
  bisect_batch_on_function_error     = true
  function_response_types            = ["ReportBatchItemFailures"]
  maximum_record_age_in_seconds      = 86400
  filter_criteria {
    filter {
      pattern = jsonencode({ data = { detail-type = [{ exists = true }] } })
    }
  }
  destination_config {
    on_failure {
      destination_arn = aws_sqs_queue.failed.arn
    }
  }
  lifecycle {
    # The widener changes it while the intake lags.
    ignore_changes = [parallelization_factor]
  }
}

resource "aws_cloudwatch_metric_alarm" "lag_alarm" {
  alarm_name          = "${var.name}-lag"
  alarm_description   = "The oldest record that the forwarder has not read yet is too old."
  namespace           = "AWS/Lambda"
  metric_name         = "IteratorAge"
  dimensions          = { FunctionName = aws_lambda_function.forwarder.function_name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 2
  threshold           = var.most_lag_seconds * 1000
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_lambda_function.widener.arn]
  ok_actions          = [aws_lambda_function.widener.arn]
}

resource "aws_cloudwatch_log_group" "widener_log" {
  name              = "/recoverops/${var.name}/widener"
  retention_in_days = 30
}

resource "aws_iam_role" "widener_role" {
  description        = "Changes the number of readers of the stream, and nothing else."
  assume_role_policy = data.aws_iam_policy_document.function.json
}

resource "aws_iam_role_policy" "widener_policy" {
  name   = "widen"
  role   = aws_iam_role.widener_role.id
  policy = data.aws_iam_policy_document.widener_policy.json
}

data "aws_iam_policy_document" "widener_policy" {
  statement {
    actions   = ["lambda:UpdateEventSourceMapping"]
    resources = [aws_lambda_event_source_mapping.mapping.arn]
  }
  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.widener_log.arn}:*"]
  }
}

resource "aws_lambda_function" "widener" {
  function_name                  = "${var.name}-widener"
  description                    = "More readers of the stream while the intake lags."
  handler                        = "widen.handler"
  runtime                        = "python3.13"
  architectures                  = ["arm64"]
  memory_size                    = 128
  timeout                        = 30
  reserved_concurrent_executions = 1
  role                           = aws_iam_role.widener_role.arn
  s3_bucket                      = var.code_bucket
  s3_key                         = var.code_key
  logging_config {
    log_group  = aws_cloudwatch_log_group.widener_log.name
    log_format = "Text"
  }
  environment {
    variables = {
      MAPPING = aws_lambda_event_source_mapping.mapping.uuid
      WIDEST  = tostring(var.widest_readers)
    }
  }
  depends_on = [aws_iam_role_policy.widener_policy]
}

resource "aws_lambda_permission" "widener_permission" {
  function_name  = aws_lambda_function.widener.function_name
  action         = "lambda:InvokeFunction"
  principal      = "lambda.alarms.cloudwatch.amazonaws.com"
  source_account = data.aws_caller_identity.current.account_id
  source_arn     = aws_cloudwatch_metric_alarm.lag_alarm.arn
}

output "stream_arn" {
  description = "The stream, for other readers of the log lines."
  value       = aws_kinesis_stream.stream.arn
}

output "archive_bucket" {
  description = "Where every record is archived."
  value       = aws_s3_bucket.archive.id
}
