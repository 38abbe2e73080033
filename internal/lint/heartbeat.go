package lint

import "time"

// proxies' idle time: nginx, HAProxy, AWS' and Google's load balancers and Heroku cut after 60 s or less by default.
const idle = 60 * time.Second

var longHeartbeat = &Rule{ID: "long-heartbeat", Severity: Warning,
	Reason: "Common proxies cut a connection on which nothing moved for 60 s, and a heartbeat comes up to 10 % later than it is set.",
	check: func(p *pass) {
		for _, s := range p.contractStreams() {
			if s.Heartbeat+s.Heartbeat/10 > idle {
				at := p.root.Get("streams", s.Name, "heartbeat")
				p.report(at, "set it to 50s or less, or leave it out: the default is 15s",
					`stream "%s" can be silent for %s`, s.Name, s.Heartbeat+s.Heartbeat/10)
			}
		}
	}}
