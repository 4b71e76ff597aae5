package logs

// firewallJSON is an AWS WAF log in S3.
var firewallJSON = &Format{
	Name:  "waf-json",
	Doc:   "AWS WAF log, one JSON object a line",
	sniff: func(head []byte) bool { return hasJSONKeys(head, "webaclid", "httprequest") },
	lines: func(s *scanner, _ []byte) (lineDecoder, error) {
		d := new(firewallDecoder)
		d.jsonLines = jsonLines{s: s, object: d.object}
		return d, nil
	},
}

type firewallDecoder struct {
	jsonLines
	inner jsonWalker // for nested values
}

// object hands over every record that WAF did not allow. Field names: AWS WAF
// developer guide, Log fields.
func (d *firewallDecoder) object(start int) bool {
	s, r := d.s, &d.s.firewall
	*r = FirewallRecord{Time: -1}
	d.inner.text = d.inner.text[:0]
	for {
		key, value, end := d.walk.member()
		if end {
			break
		}
		if key == nil {
			return false
		}
		switch string(key) {
		case "timestamp":
			r.Time = number(d.walk.scalar(value))
		case "webaclId":
			r.WebACL = d.walk.scalar(value)
		case "terminatingRuleId":
			r.RuleID = d.walk.scalar(value)
		case "terminatingRuleType":
			r.RuleType = d.walk.scalar(value)
		case "action":
			r.Action = d.walk.scalar(value)
		case "httpSourceName":
			r.SourceName = d.walk.scalar(value)
		case "httpSourceId":
			r.SourceID = d.walk.scalar(value)
		case "responseCodeSent":
			r.ResponseCode = int(max(0, number(d.walk.scalar(value))))
		case "httpRequest":
			d.request(r, value)
		case "ruleGroupList":
			d.groups(r, value)
		}
	}
	switch {
	case r.Time < 0:
		s.reject("no timestamp in the WAF record")
	case r.Action == nil:
		s.reject("no action in the WAF record")
	case s.windowed && !s.opts.Filter.Window.Contains(r.Time):
		s.skip()
	default:
		s.count.Records++
		if string(r.Action) == "ALLOW" {
			return true
		}
		if string(r.Action) == "BLOCK" && (r.ResponseCode == 0 || r.ResponseCode == 403) {
			s.count.Forbidden++
		}
		r.Ref = Ref{s.object, s.line}
		r.Line = d.walk.b[start:d.walk.i]
		s.handler.Firewall(r)
	}
	return true
}

// enter readies inner for a nested value. The strings that it gave before stay
// valid.
func (d *firewallDecoder) enter(value []byte, c byte) bool {
	d.inner.b, d.inner.i = value, 0
	return d.inner.enter(c)
}

func (d *firewallDecoder) request(r *FirewallRecord, value []byte) {
	if !d.enter(value, '{') {
		return
	}
	for {
		key, value, end := d.inner.member()
		if end || key == nil {
			return
		}
		switch string(key) {
		case "requestId":
			r.RequestID = d.inner.scalar(value)
		case "uri":
			r.URI = d.inner.scalar(value)
		case "httpMethod":
			r.Method = d.inner.scalar(value)
		case "clientIp":
			r.ClientIP = d.inner.scalar(value)
		}
	}
}

// groups finds the rule inside a rule group that ended the evaluation.
func (d *firewallDecoder) groups(r *FirewallRecord, list []byte) {
	if !d.enter(list, '[') {
		return
	}
	for {
		group, end := d.inner.element()
		if end || group == nil {
			return
		}
		next := d.inner.i
		if rule := d.member(group, "terminatingRule"); rule != nil {
			if id := d.member(rule, "ruleId"); id != nil {
				r.GroupRule = d.inner.scalar(id)
				return
			}
		}
		d.inner.b, d.inner.i = list, next
	}
}

// member is the raw value of one member of an object.
func (d *firewallDecoder) member(object []byte, name string) []byte {
	if !d.enter(object, '{') {
		return nil
	}
	for {
		key, value, end := d.inner.member()
		if end || key == nil {
			return nil
		}
		if string(key) == name {
			return value
		}
	}
}
