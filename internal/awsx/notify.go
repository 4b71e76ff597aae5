package awsx

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/why403/why403/internal/gather"
)

// Publish sends a message to an SNS topic in the topic's own Region. SNS takes
// a subject of up to 100 ASCII characters and a message of up to 256 KiB.
func (c *Clients) Publish(ctx context.Context, topic, subject, message string) error {
	region, ok := topicRegion(topic)
	if !ok {
		return fmt.Errorf("%s is no ARN of an SNS topic", topic)
	}
	if err := c.ready(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.Wait(askTimeout))
	defer cancel()
	client := sns.NewFromConfig(c.cfg, func(o *sns.Options) { o.Region = region })
	_, err := client.Publish(ctx, &sns.PublishInput{TopicArn: &topic, Subject: aws.String(subject), Message: aws.String(message)})
	err = answerError(err, true)
	var api *gather.APIError
	if errors.As(err, &api) && strings.HasPrefix(api.Code, "AuthorizationError") {
		return &Error{What: "not allowed to publish to " + topic, Hint: "the run needs sns:Publish on " + topic, Err: err}
	}
	return err
}

// topicRegion returns the Region of an SNS topic's ARN.
func topicRegion(topic string) (region string, ok bool) {
	parts := strings.Split(topic, ":")
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "sns" || parts[3] == "" || parts[5] == "" {
		return "", false
	}
	return parts[3], true
}
