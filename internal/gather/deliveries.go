package gather

import (
	"context"
	"encoding/json"

	"github.com/why403/why403/checks/facts"
)

// A Delivery is one delivery of vended logs: CloudFront standard logs v2, or S3
// server access logs through CloudWatch Logs.
type Delivery struct {
	ID          string
	Resource    string // ARN of the distribution or bucket whose log it is
	LogType     string // ACCESS_LOGS, CONNECTION_LOGS, S3_SERVER_ACCESS_LOGS, …
	Type        string // S3, CWL, FH, XRAY
	Destination string // ARN of the bucket (with a prefix), log group or stream; "" when another account holds it
	Target      string // ARN of the delivery destination, which names that account
	Format      string // w3c, plain, raw, json, parquet
	Fields      []string
	Delimiter   string
	SuffixPath  string
	Hive        bool
}

// Deliveries returns the deliveries that are configured in a Region: us-east-1
// for distributions, the bucket's own for buckets. The fact's call is the first
// one that was not answered.
func (g *Gatherer) Deliveries(ctx context.Context, region string) facts.Fact[[]Delivery] {
	f := fact(ctx, g, Question{Call: DescribeDeliverySources, ID: region}, func(data json.RawMessage) ([]Delivery, error) { return nil, nil })
	if !f.Known() {
		return f
	}
	sources, _ := decode[struct {
		DeliverySources []struct {
			Name, LogType string
			ResourceArns  []string
		}
	}](g.known(ctx, DescribeDeliverySources, region))
	if len(sources.DeliverySources) == 0 {
		return f
	}
	type deliveryList struct {
		Deliveries []struct {
			ID, DeliverySourceName, DeliveryDestinationArn, DeliveryDestinationType, FieldDelimiter string
			RecordFields                                                                            []string
			S3DeliveryConfiguration                                                                 struct {
				SuffixPath               string
				EnableHiveCompatiblePath bool
			}
		}
	}
	list := fact(ctx, g, Question{Call: DescribeDeliveries, ID: region}, decode[deliveryList])
	if !list.Known() {
		return missing[[]Delivery](list)
	}
	type destinationList struct {
		DeliveryDestinations []struct {
			Arn, OutputFormat                string
			DeliveryDestinationConfiguration struct{ DestinationResourceArn string }
		}
	}
	destinations := fact(ctx, g, Question{Call: DescribeDeliveryDestinations, ID: region}, decode[destinationList])
	if !destinations.Known() {
		return missing[[]Delivery](destinations)
	}
	for _, d := range list.Value.Deliveries {
		out := Delivery{
			ID: d.ID, Type: d.DeliveryDestinationType, Target: d.DeliveryDestinationArn, Fields: d.RecordFields, Delimiter: d.FieldDelimiter,
			SuffixPath: d.S3DeliveryConfiguration.SuffixPath, Hive: d.S3DeliveryConfiguration.EnableHiveCompatiblePath,
		}
		for _, s := range sources.DeliverySources {
			if s.Name == d.DeliverySourceName && len(s.ResourceArns) > 0 {
				out.Resource, out.LogType = s.ResourceArns[0], s.LogType
			}
		}
		for _, t := range destinations.Value.DeliveryDestinations {
			if t.Arn == d.DeliveryDestinationArn {
				out.Destination, out.Format = t.DeliveryDestinationConfiguration.DestinationResourceArn, t.OutputFormat
			}
		}
		f.Value = append(f.Value, out)
	}
	return f
}

// known returns an answer that was given before.
func (g *Gatherer) known(ctx context.Context, c *Call, id string) json.RawMessage {
	data, _ := g.ask(ctx, Question{Call: c, ID: id})
	return data
}

// missing returns f, which was not answered, as a fact of another type.
func missing[T, U any](f facts.Fact[U]) facts.Fact[T] {
	return facts.Fact[T]{State: f.State, Call: f.Call, Permission: f.Permission, Code: f.Code, Message: f.Message}
}

// A RealTimeLog is a real-time log configuration of CloudFront.
type RealTimeLog struct {
	ARN, Name, Stream string   // Stream: ARN of the Kinesis data stream
	SamplingRate      int64    // percent
	Fields            []string // as chosen; records hold them in CloudFront's own order
}

// RealTimeLog asks for a real-time log configuration by its ARN.
func (g *Gatherer) RealTimeLog(ctx context.Context, arn string) facts.Fact[RealTimeLog] {
	return fact(ctx, g, Question{Call: GetRealtimeLogConfig, ID: arn}, func(data json.RawMessage) (RealTimeLog, error) {
		v, err := decode[struct {
			RealtimeLogConfig *struct {
				ARN, Name    string
				SamplingRate int64
				Fields       []string
				EndPoints    []struct{ KinesisStreamConfig struct{ StreamARN string } }
			}
		}](data)
		if err != nil {
			return RealTimeLog{}, err
		}
		c := v.RealtimeLogConfig
		if c == nil {
			return RealTimeLog{}, lacks("RealtimeLogConfig")
		}
		out := RealTimeLog{ARN: c.ARN, Name: c.Name, SamplingRate: c.SamplingRate, Fields: c.Fields}
		if len(c.EndPoints) > 0 {
			out.Stream = c.EndPoints[0].KinesisStreamConfig.StreamARN
		}
		return out, nil
	})
}
