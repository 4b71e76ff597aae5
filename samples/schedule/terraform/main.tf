# why403 each night as a Lambda function.
#
#   terraform init
#   terraform apply -var log_bucket=my-logs -var site_bucket=my-site -var mail=web@example.com

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.60"
    }
  }
}

variable "log_bucket" {
  type        = string
  description = "Bucket that holds the logs of CloudFront and S3"
}

variable "log_prefix" {
  type        = string
  default     = ""
  description = "Prefix of the logs in that bucket"
}

variable "site_bucket" {
  type        = string
  description = "Bucket that the site is served from"
}

variable "report_bucket" {
  type        = string
  default     = null
  description = "Name of the bucket for state and reports, null for a made-up one"
}

variable "mail" {
  type        = string
  default     = ""
  description = "Address that gets a mail when keys are new or fixed"
}

variable "zip" {
  type        = string
  default     = "why403-lambda.zip"
  description = "The function's code, see README.md"
}

data "aws_partition" "here" {}

resource "aws_s3_bucket" "reports" {
  bucket        = var.report_bucket
  bucket_prefix = var.report_bucket == null ? "why403-" : null
}

resource "aws_s3_bucket_public_access_block" "reports" {
  bucket                  = aws_s3_bucket.reports.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_sns_topic" "news" {
  name_prefix = "why403-"
}

resource "aws_sns_topic_subscription" "mail" {
  count     = var.mail == "" ? 0 : 1
  topic_arn = aws_sns_topic.news.arn
  protocol  = "email"
  endpoint  = var.mail
}

resource "aws_sqs_queue" "failures" {
  name_prefix               = "why403-failures-"
  message_retention_seconds = 1209600
}

# The read statements are those of: why403 permissions --format terraform
data "aws_iam_policy_document" "why403" {
  statement {
    sid       = "ReadLogs"
    actions   = ["s3:GetObject"]
    resources = ["arn:${data.aws_partition.here.partition}:s3:::${var.log_bucket}/*"]
  }

  statement {
    sid       = "ListLogs"
    actions   = ["s3:ListBucket"]
    resources = ["arn:${data.aws_partition.here.partition}:s3:::${var.log_bucket}"]
  }

  statement {
    sid = "ReadBucketSettings"
    actions = [
      "s3:GetBucketAcl",
      "s3:GetBucketCORS",
      "s3:GetBucketLocation",
      "s3:GetBucketLogging",
      "s3:GetBucketOwnershipControls",
      "s3:GetBucketPolicy",
      "s3:GetBucketPolicyStatus",
      "s3:GetBucketPublicAccessBlock",
      "s3:GetBucketRequestPayment",
      "s3:GetBucketVersioning",
      "s3:GetBucketWebsite",
      "s3:GetEncryptionConfiguration",
      "s3:ListBucket",
      "s3:ListBucketVersions",
    ]
    resources = ["arn:${data.aws_partition.here.partition}:s3:::${var.site_bucket}"]
  }

  statement {
    sid = "ReadFailingObjects"
    actions = [
      "s3:GetObject",
      "s3:GetObjectAcl",
      "s3:GetObjectTagging",
    ]
    resources = ["arn:${data.aws_partition.here.partition}:s3:::${var.site_bucket}/*"]
  }

  statement {
    sid       = "ReadDistributions"
    actions   = ["cloudfront:GetDistribution"]
    resources = ["arn:${data.aws_partition.here.partition}:cloudfront::*:distribution/*"]
  }

  statement {
    sid = "ReadSettings"
    actions = [
      "cloudfront:DescribeFunction",
      "cloudfront:GetCachePolicy",
      "cloudfront:GetCloudFrontOriginAccessIdentity",
      "cloudfront:GetFunction",
      "cloudfront:GetKeyGroup",
      "cloudfront:GetOriginAccessControl",
      "cloudfront:GetOriginRequestPolicy",
      "cloudfront:GetPublicKey",
      "cloudfront:GetRealtimeLogConfig",
      "cloudfront:ListDistributions",
      "kms:DescribeKey",
      "kms:GetKeyPolicy",
      "logs:DescribeDeliveries",
      "logs:DescribeDeliveryDestinations",
      "logs:DescribeDeliverySources",
      "organizations:DescribeEffectivePolicy",
      "organizations:DescribeOrganization",
      "organizations:DescribePolicy",
      "organizations:ListParents",
      "organizations:ListPoliciesForTarget",
      "s3:GetAccessPoint",
      "s3:GetAccessPointPolicy",
      "s3:GetAccountPublicAccessBlock",
      "wafv2:GetWebACL",
    ]
    resources = ["*"]
  }

  statement {
    sid       = "FindState"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.reports.arn]
  }

  statement {
    sid       = "KeepStateAndReports"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${aws_s3_bucket.reports.arn}/*"]
  }

  statement {
    sid       = "TellNews"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.news.arn]
  }

  statement {
    sid       = "WriteOwnLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.why403.arn}:*"]
  }

  statement {
    sid       = "TellFailures"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.failures.arn]
  }
}

data "aws_iam_policy_document" "assume_lambda" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "why403" {
  name_prefix        = "why403-"
  assume_role_policy = data.aws_iam_policy_document.assume_lambda.json
}

resource "aws_iam_role_policy" "why403" {
  role   = aws_iam_role.why403.id
  policy = data.aws_iam_policy_document.why403.json
}

resource "aws_cloudwatch_log_group" "why403" {
  name_prefix       = "/why403/nightly-"
  retention_in_days = 60
}

resource "aws_lambda_function" "why403" {
  function_name    = "why403"
  description      = "Why does the site answer 403?"
  role             = aws_iam_role.why403.arn
  runtime          = "provided.al2023"
  architectures    = ["arm64"]
  handler          = "bootstrap"
  filename         = var.zip
  source_code_hash = filebase64sha256(var.zip)
  memory_size      = 1769 # one vCPU
  timeout          = 900

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.why403.name
  }

  depends_on = [aws_iam_role_policy.why403]
}

resource "aws_lambda_function_event_invoke_config" "why403" {
  function_name          = aws_lambda_function.why403.function_name
  maximum_retry_attempts = 1

  destination_config {
    on_failure {
      destination = aws_sqs_queue.failures.arn
    }
  }
}

data "aws_iam_policy_document" "assume_scheduler" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "scheduler" {
  name_prefix        = "why403-scheduler-"
  assume_role_policy = data.aws_iam_policy_document.assume_scheduler.json
}

resource "aws_iam_role_policy" "scheduler" {
  role = aws_iam_role.scheduler.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = "lambda:InvokeFunction"
      Resource = aws_lambda_function.why403.arn
    }]
  })
}

resource "aws_scheduler_schedule" "nightly" {
  name_prefix                  = "why403-"
  schedule_expression          = "cron(15 3 * * ? *)"
  schedule_expression_timezone = "UTC"

  flexible_time_window {
    mode                      = "FLEXIBLE"
    maximum_window_in_minutes = 30
  }

  target {
    arn      = aws_lambda_function.why403.arn
    role_arn = aws_iam_role.scheduler.arn

    retry_policy {
      maximum_retry_attempts       = 2
      maximum_event_age_in_seconds = 7200
    }

    input = jsonencode({
      args = [
        "scan", "s3://${var.log_bucket}/${var.log_prefix}", "--since", "48h", "--quiet", "--log-format", "json",
        "--state", "s3://${aws_s3_bucket.reports.id}/state/",
        "--notify", aws_sns_topic.news.arn,
        "--out", "s3://${aws_s3_bucket.reports.id}/reports/{date}/report.html",
        "--out", "s3://${aws_s3_bucket.reports.id}/reports/{date}/report.json",
        "--out", "s3://${aws_s3_bucket.reports.id}/reports/{date}/keys.parquet",
      ]
    })
  }
}

output "report_bucket" {
  value = aws_s3_bucket.reports.id
}

output "news_topic" {
  value = aws_sns_topic.news.arn
}
